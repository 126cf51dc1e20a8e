/** The free embedder: vectors of texts from a model's token embeddings, without running the model. */
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Embedder } from '../contract.ts';
import { ConfigurationError, ModelFormatError } from '../errors.ts';
import { defaultModelFolder } from '../model/folder.ts';
import { ggufPath } from '../model/gguf-path.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { readPlainTokenizer, type TokensOf } from './plain-tokenizer.ts';
import { openTokenRows, type TokenRows } from './token-rows.ts';

/** Options of {@link openEmbedder}. */
export interface EmbedderOptions {
  /** Model folder, or a GGUF file; of any family. @defaultValue the model that comes with the package */
  readonly model?: string | undefined;
  /** Whether rows are given length 1, so that products are cosines; `false` gives the plain mean. @defaultValue true */
  readonly isNormalised?: boolean | undefined;
  /**
   * Length of each text that is read, in UTF-16 code units, at least 1: tokenising cannot be interrupted.
   * @defaultValue 32768
   */
  readonly maxCharacters?: number | undefined;
}

const optionNames: OptionNames<EmbedderOptions> = { model: true, isNormalised: true, maxCharacters: true };

/** Milliseconds of work after which other work gets its turn on the thread. */
const turnMs = 8;

/**
 * Opens an embedder whose row of a text is the mean of its tokens' rows in the model's embedding table. Special tokens
 * are left out, also the token for unknown words; a text without tokens gets a row of zeros. The embedder opens no
 * session and need not be closed: it reads rows from the weights file when it needs them, and keeps up to 64 MiB of
 * them.
 *
 * Its vectors tell which words a text has, not their order: they are good for duplicates, clusters and edges between
 * documents, and do not replace the model.
 *
 * Source: "LM Token Embeds" of arXiv:2502.02494.
 *
 * @throws ConfigurationError for an impossible option. @throws ModelFormatError when the folder has no tokenizer or no
 * embedding table.
 *
 * @example const embedder = await openEmbedder(); const { width, rows } = await embedder.embed(['red shoes', 'shoes in
 * red']);
 */
export async function openEmbedder(options: EmbedderOptions = {}): Promise<Embedder> {
  checkOptionNames('Cannot open the embedder', options, optionNames);
  const { isNormalised = true, maxCharacters = 32_768 } = options;
  if (!Number.isInteger(maxCharacters) || maxCharacters < 1) {
    throw new ConfigurationError('Cannot open the embedder', [
      { path: 'maxCharacters', message: `expected a whole number, at least 1, got ${maxCharacters}` },
    ]);
  }
  const folder = options.model ?? defaultModelFolder();
  const model = ggufPath(folder) ?? resolve(folder);
  const [tokensOf, rows] = await Promise.all([readPlainTokenizer(model), openTokenRows(model)]);
  return {
    async embed(texts, { signal } = {}) {
      const { width } = rows;
      const out = new Float32Array(texts.length * width);
      let turnBegan = performance.now();
      for (const [i, text] of texts.entries()) {
        signal?.throwIfAborted();
        const mean = await meanOf(text.slice(0, maxCharacters), { model, tokensOf, rows });
        out.set(isNormalised ? toUnit(mean) : mean, i * width);
        if (performance.now() - turnBegan < turnMs) continue;
        await setImmediate();
        turnBegan = performance.now();
      }
      signal?.throwIfAborted();
      return { width, rows: out };
    },
  };
}

interface Parts {
  readonly model: string;
  readonly tokensOf: TokensOf;
  readonly rows: TokenRows;
}

/** Mean of the tokens' rows, summed in float64; zeros without tokens. */
async function meanOf(text: string, { model, tokensOf, rows }: Parts): Promise<Float64Array> {
  const ids = tokensOf(text);
  const beyond = ids.find((id) => id >= rows.count);
  if (beyond !== undefined) {
    const found = `an embedding table of ${rows.count}`;
    throw new ModelFormatError({ path: model, expected: `a row for token ${beyond}`, found });
  }
  const sum = new Float64Array(rows.width);
  const table = await rows.rowsOf(ids);
  for (const id of ids) {
    const row = table.get(id)!;
    for (let k = 0; k < sum.length; k += 1) sum[k]! += row[k]!;
  }
  return ids.length === 0 ? sum : sum.map((value) => value / ids.length);
}

function toUnit(vector: Float64Array): Float64Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
}
