/** Reads the tokenizer of a GGUF file, in the form of `tokenizer.json` and `tokenizer_config.json`. */
import { ModelFormatError } from '../errors.ts';

type Metadata = Readonly<Record<string, unknown>>;

/** Both files' content. */
export interface HubTokenizerFiles {
  readonly tokenizer: object;
  readonly config: object;
}

/** Kinds of tokens, by GGUF's numbers. */
const kinds = { unknown: 2, control: 3, userDefined: 4 } as const;

/** Contractions, words, numbers, marks, white space: GPT-2's rule and the two that came after it. */
const rules = {
  llama3:
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  qwen2:
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
} as const;

const byteLevel = (useRegex: boolean): object => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const split = (pattern: string): object => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});
const sequence = (...pretokenizers: object[]): object => ({ type: 'Sequence', pretokenizers });

/** The rules that cut a text before its bytes are merged, by GGUF's names. */
const preTokenizers: Readonly<Record<string, object>> = {
  default: byteLevel(true),
  'gpt-2': byteLevel(true),
  smollm: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
  'llama-bpe': sequence(split(rules.llama3), byteLevel(false)),
  llama3: sequence(split(rules.llama3), byteLevel(false)),
  qwen2: sequence(split(rules.qwen2), byteLevel(false)),
};

/** Reads a GGUF file's tokenizer. @throws ModelFormatError when the file carries no tokenizer that this build reads. */
export function ggufTokenizer(metadata: Metadata, path: string): HubTokenizerFiles {
  const tokens = metadata['tokenizer.ggml.tokens'];
  const model = metadata['tokenizer.ggml.model'];
  if (!Array.isArray(tokens) || (model !== 'gpt2' && model !== 'llama')) {
    throw new ModelFormatError({
      path,
      expected: 'a tokenizer of the kind gpt2 or llama',
      found: String(model ?? 'none'),
    });
  }
  const spellings = tokens as readonly string[];
  const vocab = Object.fromEntries(spellings.map((spelling, id) => [spelling, id]));
  const body =
    model === 'gpt2' ? byteLevelBody(metadata, vocab, path) : sentencePieceBody(metadata, vocab, spellings);
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens(metadata, spellings),
      post_processor: null,
      ...body,
    },
    config: configOf(metadata, spellings),
  };
}

function addedTokens(metadata: Metadata, spellings: readonly string[]): object[] {
  const types = (metadata['tokenizer.ggml.token_type'] ?? []) as readonly number[];
  return spellings.flatMap((content, id) => {
    const kind = types[id];
    if (kind !== kinds.control && kind !== kinds.userDefined && kind !== kinds.unknown) return [];
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...plain, special: kind !== kinds.userDefined }];
  });
}

function byteLevelBody(metadata: Metadata, vocab: Readonly<Record<string, number>>, path: string): object {
  const rule = String(metadata['tokenizer.ggml.pre'] ?? 'default');
  const preTokenizer = Object.hasOwn(preTokenizers, rule) ? preTokenizers[rule] : undefined;
  if (!preTokenizer) {
    const known = Object.keys(preTokenizers).join(', ');
    throw new ModelFormatError({ path, expected: `tokenizer.ggml.pre of ${known}`, found: rule });
  }
  const merges = (metadata['tokenizer.ggml.merges'] ?? []) as readonly string[];
  return {
    normalizer: rule === 'qwen2' ? { type: 'NFC' } : null,
    pre_tokenizer: preTokenizer,
    decoder: byteLevel(true),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: rule.startsWith('llama'),
      vocab,
      merges: merges.map((merge) => merge.split(' ')),
    },
  };
}

function sentencePieceBody(
  metadata: Metadata,
  vocab: Readonly<Record<string, number>>,
  spellings: readonly string[],
): object {
  const scores = (metadata['tokenizer.ggml.scores'] ?? []) as readonly number[];
  const unknown = Number(metadata['tokenizer.ggml.unknown_token_id'] ?? 0);
  return {
    normalizer: null,
    pre_tokenizer: {
      type: 'Metaspace',
      replacement: '▁',
      prepend_scheme: metadata['tokenizer.ggml.add_space_prefix'] === false ? 'never' : 'first',
      split: false,
    },
    decoder: { type: 'ByteFallback' },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: spellings[unknown],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: mergesOf(spellings, scores, vocab),
    },
  };
}

/** SentencePiece keeps no merges: two pieces merge when their join is a piece, the likeliest join first. */
function mergesOf(
  spellings: readonly string[],
  scores: readonly number[],
  vocab: Readonly<Record<string, number>>,
): [string, string][] {
  const merges = spellings.flatMap((spelling, id) => {
    const characters = [...spelling];
    const cuts = Array.from({ length: characters.length - 1 }, (_, i) => [
      characters.slice(0, i + 1).join(''),
      characters.slice(i + 1).join(''),
    ]);
    return cuts
      .filter(([left, right]) => Object.hasOwn(vocab, left!) && Object.hasOwn(vocab, right!))
      .sort(([a, b], [c, d]) => vocab[a!]! - vocab[c!]! || vocab[b!]! - vocab[d!]!)
      .map(([left, right]) => ({ left: left!, right: right!, score: scores[id] ?? 0 }));
  });
  return merges.sort((a, b) => b.score - a.score).map(({ left, right }) => [left, right]);
}

function configOf(metadata: Metadata, spellings: readonly string[]): object {
  const spelled = (key: string): string => {
    const id = metadata[`tokenizer.ggml.${key}_token_id`];
    return id === undefined ? '' : (spellings[Number(id)] ?? '');
  };
  return {
    bos_token: spelled('bos'),
    eos_token: spelled('eos'),
    unk_token: spelled('unknown'),
    pad_token: spelled('padding'),
    chat_template: metadata['tokenizer.chat_template'],
  };
}
