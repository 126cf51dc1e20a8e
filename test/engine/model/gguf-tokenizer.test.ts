import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ggufTokenizer } from '../../../engine/model/gguf-tokenizer.ts';
import { parsePromptTokenizer } from '../../../engine/tokenizer/prompt-tokenizer.ts';
import { parityFixtures, type TinyDecoder } from '../../support/tiny/tiny-decoder.ts';

interface TokenizerJson {
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly [string, string])[];
  };
}

const json = <T>(...path: string[]): T =>
  JSON.parse(readFileSync(join(parityFixtures, ...path), 'utf8')) as T;

/** A checkpoint's tokenizer as a GGUF file would carry it. */
function metadataOf(model: TinyDecoder, kind: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { added_tokens: added, model: bpe } = json<TokenizerJson>(model, 'tokenizer.json');
  const tokens: string[] = [];
  for (const [spelling, id] of Object.entries(bpe.vocab)) tokens[id] = spelling;
  for (const { id, content } of added) tokens[id] = content;
  const merges = bpe.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  // SentencePiece scores pieces: the earlier a merge, the likelier what it makes.
  const scores = tokens.map(() => -1e9);
  merges.forEach((merge, rank) => {
    scores[bpe.vocab[merge.replace(' ', '')]!] = -rank;
  });
  const types: number[] = tokens.map((spelling) => (/^<0x[0-9A-F]{2}>$/.test(spelling) ? 6 : 1));
  for (const { id, content } of added) types[id] = content === '<unk>' ? 2 : 3;
  return {
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.scores': scores,
    'tokenizer.ggml.merges': merges,
    ...kind,
  };
}

/** Every segment of the fixtures: five scripts, emoji, odd white space, special tokens. */
function segmentsOf(model: TinyDecoder): string[] {
  return readdirSync(join(parityFixtures, model, 'cases')).flatMap(
    (file) => json<{ segments: string[] }>(model, 'cases', file).segments,
  );
}

describe('ggufTokenizer', () => {
  it.each([
    [
      'mistral-tiny',
      'SentencePiece',
      { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.unknown_token_id': 0 },
    ],
    ['llama-tiny', "Llama 3's rule", { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'llama-bpe' }],
    ['qwen3-tiny', "Qwen's rule", { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'qwen2' }],
  ] as const)('cuts as the tokenizer.json of %s does: %s', (model, _rule, kind) => {
    const own = parsePromptTokenizer(json(model, 'tokenizer.json'), model);
    const made = parsePromptTokenizer(ggufTokenizer(metadataOf(model, kind), model).tokenizer, model);
    for (const text of segmentsOf(model)) {
      const part = [{ text, specials: 'parsed' }] as const;
      expect([...made.encode(part)]).toEqual([...own.encode(part)]);
    }
  });

  it('names the rules it knows', () => {
    const metadata = metadataOf('llama-tiny', {
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'deepseek',
    });
    expect(() => ggufTokenizer(metadata, 'model.gguf')).toThrow(
      /tokenizer\.ggml\.pre of .*qwen2, found deepseek/,
    );
    expect(() => ggufTokenizer({}, 'model.gguf')).toThrow(
      /expected a tokenizer of the kind gpt2 or llama, found none/,
    );
  });
});
