/** The file that holds a model's precedents, beside `blockrank.json`, which names it with what they weigh. */
import { join } from 'node:path';
import * as z from 'zod';
import { ModelFormatError } from '../errors.ts';
import type { Precedent, PrecedentKernel, Precedents } from '../readout/precedents.ts';
import { textDigest } from '../text-digest.ts';
import { fileDigest } from '../weights/file-digest.ts';
import { replaceFile } from '../weights/replace-file.ts';
import { readTensorMetadata, readTensorTable, toSafetensors } from '../weights/safetensors.ts';
import { assertFloatTensors, floatTensor, readFiniteTensor } from '../weights/tensor-files.ts';
import { changeManifest } from './change-manifest.ts';
import type { ModelManifest } from './manifest.ts';
import { readJson } from './read-json.ts';

/** A judged query, before it becomes a precedent. */
export interface JudgedQuery {
  /** Its name. */
  readonly queryId: string;
  /** Its anchor as the model gives it, of length 1. */
  readonly anchor: Float32Array;
  /** Documents that are relevant for it, with judgements above 0. */
  readonly relevant: readonly RelevantDocument[];
}

/** A document that is relevant for a judged query. */
export interface RelevantDocument {
  /** Its id in the index. */
  readonly docId: string;
  /** What the model reads of it. */
  readonly text: string;
  /** The judgement, above 0. */
  readonly gain: number;
}

/** Precedents as a folder holds them. */
export interface PrecedentsFile {
  readonly precedents: Precedents;
  /** SHA-256 of the file, hexadecimal: it names what changes rankings and no state. */
  readonly digest: string;
}

/** Name of the file in a model folder. */
const precedentsName = 'precedents.safetensors';
const tensorName = 'anchors';

/** Documents and what they are relevant for, as the file's header holds them. */
const headerSchema = z.object({
  queryIds: z.array(z.string()).min(1),
  documents: z.array(
    z.object({
      docId: z.string(),
      textDigest: z.string(),
      precedents: z.array(z.tuple([z.int().min(0), z.number().gt(0).max(1)])),
    }),
  ),
});
type Header = z.infer<typeof headerSchema>;

/** Judged queries as precedents; those without a relevant document say nothing and are left out. */
export function toPrecedents(queries: readonly JudgedQuery[], width: number): Precedents {
  const useful = queries.filter(({ relevant }) => relevant.length > 0);
  return fromHeader(headerOf(useful), anchorsOf(useful, width), width);
}

/** Writes precedents into a model folder, in place of those that it has. @param queries - At least one with a relevant document. */
export async function savePrecedents(
  folder: string,
  queries: readonly JudgedQuery[],
  { width, kernel }: { readonly width: number; readonly kernel: PrecedentKernel },
): Promise<void> {
  const useful = queries.filter(({ relevant }) => relevant.length > 0);
  const anchors = { shape: [useful.length, width], data: anchorsOf(useful, width) };
  const metadata = { format: 'blockrank-precedents', judgements: JSON.stringify(headerOf(useful)) };
  const content = toSafetensors([floatTensor(tensorName, anchors)], metadata);
  await replaceFile(join(folder, precedentsName), content);
  await changeManifest(folder, (manifest) => ({
    ...manifest,
    precedents: { file: precedentsName, ...kernel },
  }));
}

/**
 * Reads precedents.
 *
 * @param width - Values a vector of the model.
 * @throws ModelFormatError when the file is missing or damaged, or its vectors are not those of this model.
 */
export async function readPrecedents(folder: string, file: string, width: number): Promise<PrecedentsFile> {
  const path = join(folder, file);
  const table = await readTensorTable(path);
  const { judgements } = await readTensorMetadata(path);
  const header = parseHeader(path, judgements);
  const shapes = new Map([[tensorName, [header.queryIds.length, width]]]);
  assertFloatTensors(path, table, { shapes, all: `the tensor "${tensorName}"` });
  const anchors = await readFiniteTensor(path, tensorName, table.get(tensorName)!);
  return { precedents: fromHeader(header, anchors, width), digest: await fileDigest(path) };
}

/** Names of the judged queries that a model folder holds as precedents; none where it has none, or is no encoder's. */
export async function precedentQueryIds(folder: string): Promise<ReadonlySet<string>> {
  const manifest = (await readJson(join(folder, 'blockrank.json'))) as Partial<ModelManifest>;
  if (!manifest.precedents) return new Set();
  const path = join(folder, manifest.precedents.file);
  const { judgements } = await readTensorMetadata(path);
  return new Set(parseHeader(path, judgements).queryIds);
}

function parseHeader(path: string, judgements: string | undefined): Header {
  try {
    const header = headerSchema.parse(JSON.parse(judgements ?? ''));
    const count = header.queryIds.length;
    const isOutside = ([query]: readonly [number, number]): boolean => query >= count;
    if (!header.documents.some(({ precedents }) => precedents.some(isOutside))) return header;
    throw new RangeError(`a judgement of a query beyond the ${count} that are named`);
  } catch (cause) {
    const found = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new ModelFormatError({ path, expected: 'judgements in the header', found }, { cause });
  }
}

function anchorsOf(queries: readonly JudgedQuery[], width: number): Float32Array {
  const anchors = new Float32Array(queries.length * width);
  queries.forEach(({ anchor }, n) => {
    anchors.set(anchor, n * width);
  });
  return anchors;
}

function headerOf(queries: readonly JudgedQuery[]): Header {
  const documents = new Map<string, { docId: string; textDigest: string; precedents: [number, number][] }>();
  queries.forEach(({ relevant }, n) => {
    const largest = Math.max(...relevant.map(({ gain }) => gain));
    for (const { docId, text, gain } of relevant) {
      const known = documents.get(docId) ?? { docId, textDigest: textDigest(text), precedents: [] };
      known.precedents.push([n, gain / largest]);
      documents.set(docId, known);
    }
  });
  return { queryIds: queries.map(({ queryId }) => queryId), documents: [...documents.values()] };
}

function fromHeader({ queryIds, documents }: Header, anchors: Float32Array, width: number): Precedents {
  const listed = documents.map(({ docId, textDigest: digest, precedents }) => {
    const judged: Precedent[] = precedents.map(([query, gain]) => ({ query, gain }));
    return { docId, digest, judged };
  });
  return {
    width,
    queryIds,
    anchors,
    byDocId: new Map(listed.map(({ docId, judged }) => [docId, judged])),
    byText: new Map(listed.map(({ digest, judged }) => [digest, judged])),
  };
}
