/** The cases of a parity folder: what an official implementation computed, by model. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Scores of a list. */
export interface ExpectedScores {
  readonly scores: readonly number[];
  readonly ranking: readonly number[];
}

/** Expected scores by signal tokens. */
export interface ExpectedBySignals {
  readonly two_signals: ExpectedScores;
  readonly one_signal: ExpectedScores;
}

interface InputDocument {
  readonly doc_id: string;
  readonly title?: string;
  readonly text: string;
}

/** A case of BlockRank's readout, or of its training losses. */
export interface BlockRankCase {
  readonly name: string;
  readonly kind: 'blockrank' | 'training';
  readonly input: { readonly query: string; readonly documents: readonly InputDocument[] };
  readonly order: readonly string[];
  readonly answers?: readonly number[];
  readonly max_block_length: number;
  readonly effective_block_length: number;
  readonly blocks: readonly { readonly ids: readonly number[]; readonly positions: readonly number[] }[];
  readonly query_offset: number;
  readonly scoring_layer: number;
  readonly signal: { readonly positions: readonly [number, number] };
  readonly completion?: { readonly start: number; readonly ids: readonly number[] };
  readonly tau?: number;
  readonly lambda?: number;
  readonly expected: unknown;
  readonly signal_logits?: {
    readonly query_offset: number;
    readonly values: readonly (readonly (readonly number[])[])[];
  };
}

interface IcrPass {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly query_span: readonly [number, number];
}

/** A case of in-context reranking without training. */
export interface IcrCase {
  readonly name: string;
  readonly kind: 'icr';
  readonly query: IcrPass;
  readonly calibration: IcrPass;
  readonly document_spans: readonly (readonly [number, number])[];
  readonly expected: { readonly calibrated: ExpectedScores; readonly uncalibrated: ExpectedScores };
}

/** A model folder and its cases. */
export interface ParityModel {
  readonly folder: string;
  readonly cases: readonly BlockRankCase[];
}

/** Every model folder and every case without a model of its own, under a folder. */
export function findCases(root: string): { readonly models: ParityModel[]; readonly icr: IcrCase[] } {
  const models: ParityModel[] = [];
  const icr: IcrCase[] = [];
  for (const folder of foldersUnder(root)) {
    if (existsSync(join(folder, 'config.json')) && existsSync(join(folder, 'cases'))) {
      models.push({ folder, cases: jsonFiles(join(folder, 'cases')).filter(isBlockRankCase) });
    }
    icr.push(...jsonFiles(folder).filter(isIcrCase));
  }
  return { models, icr };
}

/** The texts of a case in prompt order; padded lists hold a text that says it is a dummy. */
export function textsOf({ input, order }: BlockRankCase): string[] {
  return order.map((docId) => {
    const document = input.documents.find(({ doc_id }) => doc_id === docId);
    if (!document) return 'This is a dummy document.';
    const { title, text } = document;
    return (title === undefined ? text : `${title} ${text}`).trim();
  });
}

function foldersUnder(folder: string): string[] {
  const inner = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [folder, ...inner.flatMap(({ name }) => foldersUnder(join(folder, name)))];
}

function jsonFiles(folder: string): unknown[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as unknown);
}

const kindOf = (value: unknown): unknown => (value as { readonly kind?: unknown } | null)?.kind;
const isBlockRankCase = (value: unknown): value is BlockRankCase =>
  kindOf(value) === 'blockrank' || kindOf(value) === 'training';
const isIcrCase = (value: unknown): value is IcrCase => kindOf(value) === 'icr';
