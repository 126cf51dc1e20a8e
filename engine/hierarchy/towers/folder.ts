/** A trained hierarchy in a folder: `hierarchy.json` says what it is, `hierarchy.safetensors` holds both tables. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { ModelFormatError } from '../../errors.ts';
import { readTensorTable } from '../../weights/safetensors.ts';
import {
  assertFloatTensors,
  bytesOf,
  floatTensor,
  readFiniteTensor,
  replaceWeights,
} from '../../weights/tensor-files.ts';
import { Hierarchy, type HierarchyParts } from './hierarchy.ts';
import { makeTower, rowCount, type Tower, type TowerForm } from './tower.ts';

const names = { description: 'hierarchy.json', weights: 'hierarchy.safetensors' } as const;

const namedText = z.object({ id: z.string().min(1), text: z.string() });
const form = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('lookup'), keys: z.array(namedText).min(1) }),
  z.object({ kind: z.literal('text'), buckets: z.int().min(1) }),
]);
const description = z.object({
  format: z.literal(1),
  width: z.int().min(1),
  nodes: z.array(namedText).min(1),
  queries: form,
  documents: form,
  heldOut: z.array(z.string()).optional(),
});

/**
 * Opens a hierarchy that {@link saveHierarchy} or `blockrank hierarchy train` wrote.
 *
 * @throws ModelFormatError when a file is missing or is not what it should be.
 *
 * @example const { rows: [vector] } = await (await openHierarchy('./categories')).embed(['kids sandals']);
 */
export async function openHierarchy(folder: string): Promise<Hierarchy> {
  const path = resolve(folder);
  const text = await readFile(join(path, names.description), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const found = cause.code ?? cause.message;
    throw new ModelFormatError(
      { path, expected: `a readable ${names.description}, as "blockrank hierarchy train" writes it`, found },
      { cause },
    );
  });
  const { width, nodes, heldOut, ...forms } = parseDescription(text, join(path, names.description));
  const weights = join(path, names.weights);
  const table = await readTensorTable(weights);
  const shapeOf = (name: 'queries' | 'documents') => [rowCount(forms[name]), width] as const;
  const shapes = new Map([
    ['queries', shapeOf('queries')],
    ['documents', shapeOf('documents')],
  ]);
  assertFloatTensors(weights, table, { shapes, all: 'the tables of both towers and nothing else' });
  const towerOf = async (name: 'queries' | 'documents'): Promise<Tower> => {
    const data = await readFiniteTensor(weights, name, table.get(name)!);
    return makeTower(forms[name], { shape: shapeOf(name), data });
  };
  const [queries, documents] = [await towerOf('queries'), await towerOf('documents')];
  return new Hierarchy({ digest: digestOf(text, queries, documents), nodes, queries, documents, heldOut });
}

/** Writes a hierarchy's two files; the folder is made where it is missing. @returns It, with its digest. */
export async function saveHierarchy(
  folder: string,
  { nodes, queries, documents, heldOut }: Omit<HierarchyParts, 'digest'>,
): Promise<Hierarchy> {
  const path = resolve(folder);
  await mkdir(path, { recursive: true });
  const width = queries.table.shape[1];
  const forms = { queries: queries.form, documents: documents.form };
  const text = `${JSON.stringify({ format: 1, width, nodes, ...forms, heldOut })}\n`;
  await replaceWeights(join(path, names.weights), [
    floatTensor('queries', queries.table),
    floatTensor('documents', documents.table),
  ]);
  await writeFile(join(path, names.description), text);
  return new Hierarchy({ digest: digestOf(text, queries, documents), nodes, queries, documents, heldOut });
}

interface Description {
  readonly width: number;
  readonly nodes: HierarchyParts['nodes'];
  readonly queries: TowerForm;
  readonly documents: TowerForm;
  readonly heldOut?: readonly string[] | undefined;
}

function parseDescription(text: string, path: string): Description {
  try {
    return description.parse(JSON.parse(text));
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : [];
    const found = issue ? `${issue.path.join('.')}: ${issue.message}` : 'no JSON';
    throw new ModelFormatError({ path, expected: 'a hierarchy of format 1', found }, { cause });
  }
}

function digestOf(text: string, ...towers: readonly Tower[]): string {
  const hash = createHash('sha256').update(text);
  for (const { table } of towers) hash.update(bytesOf(table.data));
  return hash.digest('hex');
}
