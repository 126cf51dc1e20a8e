/**
 * The files of a router: `clusters.json` and `validation.json`, which stay as the fit wrote them, and a file for each
 * reranker on board, so that another one comes on board without a change of any.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type ClusterMap,
  ConfigurationError,
  type ConfigurationIssue,
  decodeText,
  type RerankerInfo,
} from '../../../engine/index.ts';
import { check } from '../../config/issues.ts';

const loss = z.number().min(0).max(1);

const clustersSchema = z.strictObject({
  format: z.literal('blockrank-router'),
  formatVersion: z.literal(1),
  kind: z.enum(['k-means', 'learned-map']),
  rows: z.array(z.array(z.number()).min(1)).min(1),
});

const validationSchema = z.strictObject({
  data: z.string(),
  candidates: z.string(),
  rankWindowSize: z.int().min(1),
  measure: z.string(),
  costs: z.enum(['cold', 'warm']),
  queries: z
    .array(z.strictObject({ queryId: z.string(), text: z.string(), cluster: z.int().min(-1) }))
    .min(1),
});

const boardedSchema = z.strictObject({
  name: z.string().min(1),
  encodingDigest: z.string(),
  readoutDigest: z.string(),
  precision: z.string().optional(),
  costMs: z.number().min(0),
  losses: z.record(z.string(), loss),
});

/** A validation query. */
export interface RouterQuery {
  /** Its id in the collection. */
  readonly queryId: string;
  /** What is asked. */
  readonly text: string;
  /** Its cluster, 0-based; -1: none, it has no words. */
  readonly cluster: number;
}

/** What the rerankers on board were measured on. */
export interface RouterValidation {
  /** Folder of the collection, absolute. */
  readonly data: string;
  /** Name of the first stage. */
  readonly candidates: string;
  /** Candidates of a query. */
  readonly rankWindowSize: number;
  /** The measure whose 1 - value is the loss. */
  readonly measure: string;
  /** Whether lists were ranked without kept block states, or with. */
  readonly costs: 'cold' | 'warm';
  /** The judged queries. */
  readonly queries: readonly RouterQuery[];
}

/** A reranker on board. */
export interface BoardedReranker extends Pick<RerankerInfo, 'encodingDigest' | 'readoutDigest'> {
  /** Its name, which says how to open it. */
  readonly name: string;
  /** Precision of the model when it was measured; absent where none was named. */
  readonly precision?: string | undefined;
  /** Mean milliseconds of a query. */
  readonly costMs: number;
  /** Loss by query id, in [0, 1]. */
  readonly losses: Readonly<Record<string, number>>;
}

/** A router as it lies on disk. */
export interface RouterFiles {
  /** How queries belong to clusters. */
  readonly clusters: ClusterMap;
  /** What the rerankers were measured on. */
  readonly validation: RouterValidation;
  /** The rerankers, by name in the order of their files. */
  readonly boarded: readonly BoardedReranker[];
}

const folderOfRerankers = 'rerankers';

/**
 * Reads a router.
 *
 * @throws ConfigurationError for files that are missing or damaged, losses and costs that are no numbers, and rerankers
 * that lack the loss of a validation query.
 */
export async function readRouter(folder: string): Promise<RouterFiles> {
  const {
    format: _a,
    formatVersion: _b,
    ...clusters
  } = await readChecked(folder, 'clusters.json', clustersSchema);
  const validation = await readChecked(folder, 'validation.json', validationSchema);
  const names = await readdir(join(folder, folderOfRerankers)).catch((cause: NodeJS.ErrnoException) => {
    throw problem(folder, [{ path: folderOfRerankers, message: `cannot be read (${cause.code})` }], cause);
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  const boarded = await Promise.all(
    files.map((name) => readChecked(folder, join(folderOfRerankers, name), boardedSchema)),
  );
  const issues = issuesOf({ clusters, validation, boarded });
  if (issues.length > 0) throw problem(folder, issues);
  return { clusters, validation, boarded };
}

function issuesOf({ clusters, validation, boarded }: RouterFiles): ConfigurationIssue[] {
  const issues: ConfigurationIssue[] = [];
  const [first] = clusters.rows;
  if (clusters.rows.some((row) => row.length !== first!.length))
    issues.push({ path: 'clusters.json', message: 'expected rows of one length' });
  if (validation.queries.some(({ cluster }) => cluster >= clusters.rows.length))
    issues.push({
      path: 'validation.json',
      message: `expected clusters below ${clusters.rows.length}, as clusters.json has; the files are of two routers`,
    });
  if (boarded.length === 0)
    issues.push({ path: folderOfRerankers, message: 'expected at least one reranker on board, found none' });
  for (const [i, { name, losses }] of boarded.entries()) {
    if (boarded.findIndex((other) => other.name === name) !== i)
      issues.push({ path: folderOfRerankers, message: `"${name}" is on board twice` });
    const missing = validation.queries.find(({ queryId }) => losses[queryId] === undefined);
    if (missing) {
      const message = `"${name}" has no loss for the validation query "${missing.queryId}": it was measured on other queries; measure it with "blockrank router onboard"`;
      issues.push({ path: folderOfRerankers, message });
    }
  }
  return issues;
}

async function readChecked<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const bytes = await readFile(join(folder, name)).catch((cause: NodeJS.ErrnoException) => {
    const message = `cannot be read (${cause.code}); "blockrank router fit" writes it`;
    throw problem(folder, [{ path: name, message }], cause);
  });
  let json: unknown;
  try {
    json = JSON.parse(decodeText(bytes, `"${join(folder, name)}"`));
  } catch (cause) {
    throw problem(folder, [{ path: name, message: `expected JSON (${(cause as Error).message})` }], cause);
  }
  const { value, issues } = check(schema, json, [name]);
  if (issues) throw problem(folder, issues);
  return value;
}

function problem(folder: string, issues: readonly ConfigurationIssue[], cause?: unknown): ConfigurationError {
  return new ConfigurationError(`Cannot open the router "${folder}"`, issues, { cause });
}

/** Writes the files that the fit makes; the folder must not exist, or be empty. */
export async function writeRouter(
  folder: string,
  { clusters, validation }: Pick<RouterFiles, 'clusters' | 'validation'>,
): Promise<void> {
  await mkdir(join(folder, folderOfRerankers), { recursive: true });
  const head = { format: 'blockrank-router', formatVersion: 1 };
  await writeFile(join(folder, 'clusters.json'), toJson({ ...head, ...clusters }));
  await writeFile(join(folder, 'validation.json'), toJson(validation));
}

/** Writes a reranker's file, and no other; a reranker of that name is measured anew. */
export async function writeBoarded(folder: string, reranker: BoardedReranker): Promise<void> {
  const name = `${encodeURIComponent(reranker.name)}.json`;
  await writeFile(join(folder, folderOfRerankers, name), toJson(reranker));
}

const toJson = (value: unknown): string => `${JSON.stringify(value)}\n`;
