/**
 * `npx tsx scripts/card-memory.ts`: the tables of docs/gpu.md that say what a list takes of a card's memory, by the
 * engine's own estimate. A test holds the document equal to them.
 */
import { fileURLToPath } from 'node:url';
import { decoderShapes } from '../bench/support/decoder-shape.ts';
import { listTokens } from '../bench/support/passes.ts';
import type { PackedForm } from '../engine/network/packed/packed-form.ts';
import { packedLayout } from '../engine/network/packed/packed-layout.ts';
import { packedBytes, packedWeightBytes } from '../engine/network/packed/packed-memory.ts';
import { deviceBytes } from '../engine/rerank/decoder/device-memory.ts';
import { listPolicy } from '../engine/rerank/decoder/list-path.ts';

const type = 'float16';
const { config, scoringLayer } = decoderShapes.mistral;
const { attention, buckets } = listPolicy('cuda', { computeType: type });
const form: PackedForm = { context: 'blocks', attention, buckets, queries: 1 };

const documentTokens = [115, 200, 400];
const lists = [25, 50, 100, 250, 500];

/** Cards by the memory that their names say, in 10^9 bytes: drivers tell a little more or less. */
const cards = [
  ['16 GB', 16],
  ['24 GB (L4, A10, RTX 4090)', 24],
  ['48 GB (L40S, RTX A6000)', 48],
  ['80 GB (A100, H100)', 80],
  ['141 GB (H200)', 141],
] as const;

/** Share of a card that weights and a list may take, unless an operator says otherwise. */
const share = 0.9;

/** Bytes of a card that weights and a list of equal documents take in one run. */
function listBytes(documents: number, tokens: number): number {
  const { instruction, query } = listTokens;
  const size = {
    instruction,
    documents: Array.from({ length: documents }, () => tokens),
    queries: [query],
  };
  return deviceBytes('cuda', {
    weightBytes: packedWeightBytes(config, { layers: scoringLayer, type }),
    sessions: 1,
    workingBytes: packedBytes({ config, layout: packedLayout(size, form), form, type }),
  });
}

/** The most documents that fit; 0 when not even one does. */
function mostDocuments(bytes: number, tokens: number): number {
  let [fits, over] = [0, 1];
  while (listBytes(over, tokens) <= bytes) [fits, over] = [over, 2 * over];
  while (over - fits > 1) {
    const middle = Math.floor((fits + over) / 2);
    if (listBytes(middle, tokens) <= bytes) fits = middle;
    else over = middle;
  }
  return fits;
}

const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** Cells in columns of one width, as the docs have them. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Both tables, with the sentence between them. */
export function cardMemoryTables(): string {
  const columns = documentTokens.map((tokens) => `of ${tokens} tokens`);
  const needs = table(
    ['documents', ...columns],
    lists.map((count) => [String(count), ...documentTokens.map((tokens) => gb(listBytes(count, tokens)))]),
  );
  const most = table(
    ['card', ...columns],
    cards.map(([name, gigabytes]) => [
      name,
      ...documentTokens.map((tokens) => {
        const count = mostDocuments(share * gigabytes * 1e9, tokens);
        return count === 0 ? 'none' : count.toLocaleString('en-US');
      }),
    ]),
  );
  return `${needs}\n\nThe most documents that one run takes with nine tenths of a card, which is the default limit:\n\n${most}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(cardMemoryTables());
