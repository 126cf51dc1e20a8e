import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hierarchy, hierarchyMaker, openHierarchy } from '../../../../engine/index.ts';
import {
  hierarchyRecall,
  makeTaxonomy,
  optimiserSchema,
  saveHierarchy,
  startPair,
  taxonomyData,
  taxonomyDistances,
  trainHierarchy,
} from '../../../../engine/laboratory.ts';

const taxonomy = makeTaxonomy(
  [
    ['sandals', 'shoes'],
    ['boots', 'shoes'],
    ['kids sandals', 'sandals'],
    ['beach sandals', 'sandals'],
    ['rubber boots', 'boots'],
    ['tables', 'furniture'],
    ['chairs', 'furniture'],
    ['garden chairs', 'chairs'],
    ['office chairs', 'chairs'],
    ['coffee tables', 'tables'],
  ].map(([child, parent]) => ({ child: child!, parent: parent! })),
);

let folder: string;
let hierarchy: Hierarchy;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-hierarchy-'));
  const data = taxonomyData(taxonomy);
  const text = { kind: 'text', buckets: 512 } as const;
  const pair = startPair(data, { forms: { queries: text, documents: text }, width: 16, seed: 1 });
  const pretraining = { steps: 300, batch: 32, temperature: 1, rate: 0.05, masksMatches: true };
  const optimiser = optimiserSchema.parse({ kind: 'adamw' });
  await trainHierarchy(data, { pretraining, optimiser, seed: 1 }, { pair });
  await saveHierarchy(folder, { nodes: taxonomy.nodes, ...pair, heldOut: ['chairs'] });
  hierarchy = await openHierarchy(folder);
});
afterAll(() => rm(folder, { recursive: true }));

const found = (query: string, count: number): readonly string[] =>
  hierarchy.nearest(query, count).map(({ id }) => id);

describe('a hierarchy with towers of text', () => {
  it('finds what stands above a narrow term, near and far', () => {
    expect(new Set(found('kids sandals', 3))).toEqual(new Set(['kids sandals', 'sandals', 'shoes']));
    expect(new Set(found('garden chairs', 3))).toEqual(new Set(['garden chairs', 'chairs', 'furniture']));
  });

  it('has a direction: the broad term finds itself before what is below it', () => {
    expect(found('shoes', 1)).toEqual(['shoes']);
    expect(found('furniture', 1)).toEqual(['furniture']);
  });

  it('knows the parts of words that it has not seen', () => {
    // "Sandalettes" and "armchair" are no words of the taxonomy.
    expect(found('Sandalettes', 2)).toEqual(expect.arrayContaining(['sandals', 'shoes']));
    expect(found('armchair', 2)).toEqual(expect.arrayContaining(['chairs', 'furniture']));
  });

  it('is an embedder: a row a text, zeros without words', async () => {
    const { width, rows } = await hierarchy.embed(['kids sandals', '...']);
    expect([width, rows.length]).toEqual([16, 32]);
    expect(rows.subarray(16).every((value) => value === 0)).toBe(true);
    expect(found('...', 3)).toEqual([]);
  });

  it('makes a vector of its own length for each document', async () => {
    const maker = hierarchyMaker(hierarchy);
    const [state] = await maker.encode(['shoes']);
    expect(state!.anchors).toEqual(hierarchy.embedDocuments(['shoes']).rows);
    expect(maker.encodingDigest).toBe(hierarchy.digest);
  });

  it('is measured as it searches, by those of its own categories that are known', () => {
    const recall = hierarchyRecall(hierarchy, taxonomy.nodes, taxonomyDistances(taxonomy, true));
    expect(recall.queries).toBe(12);
    expect(recall.overall).toBeGreaterThan(0.95);
    expect(hierarchy.heldOut).toEqual(['chairs']);
    const other = makeTaxonomy([{ child: 'shoes', parent: 'wear' }]);
    expect(() => hierarchyRecall(hierarchy, other.nodes, taxonomyDistances(other, true))).toThrow(
      /it has no category "wear"/,
    );
    expect(() => hierarchyRecall(hierarchy, [], taxonomyDistances(taxonomy, true))).toThrow(
      /none of the queries/,
    );
  });
});

describe('a hierarchy of lookup tables', () => {
  it('finds a category by its id or its name, and knows no other word', async () => {
    const data = taxonomyData(
      makeTaxonomy(
        [{ child: '7', parent: '8' }],
        [
          { id: '7', text: 'Clogs' },
          { id: '8', text: 'Shoes' },
          { id: '9', text: 'shoes' },
        ],
      ),
    );
    const lookup = { kind: 'lookup', keys: data.documents } as const;
    const pair = startPair(data, { forms: { queries: lookup, documents: lookup }, width: 2, seed: 1 });
    const own = await saveHierarchy(join(folder, 'lookup'), { nodes: data.documents, ...pair });
    const rowOf = (text: string) => [...own.embedNow([text]).rows];
    expect(rowOf('7')).toEqual(rowOf(' clogs '));
    // Two categories are called so.
    expect(rowOf('shoes')).toEqual([0, 0]);
    expect(rowOf('sandals')).toEqual([0, 0]);
  });
});

describe('openHierarchy', () => {
  const copy = async (change: (description: Record<string, unknown>) => void): Promise<string> => {
    const path = await mkdtemp(join(folder, 'copy-'));
    const description = JSON.parse(await readFile(join(folder, 'hierarchy.json'), 'utf8'));
    change(description);
    await writeFile(join(path, 'hierarchy.json'), JSON.stringify(description));
    await writeFile(
      join(path, 'hierarchy.safetensors'),
      await readFile(join(folder, 'hierarchy.safetensors')),
    );
    return path;
  };

  it('refuses a folder that is none, another format, and tables of another width', async () => {
    const refused = { name: 'ModelFormatError', code: 'model-format' };
    await expect(openHierarchy(join(folder, 'nowhere'))).rejects.toMatchObject(refused);
    const later = await copy((description) => Object.assign(description, { format: 2 }));
    await expect(openHierarchy(later)).rejects.toThrow(/expected a hierarchy of format 1, found format/);
    const wider = await copy((description) => Object.assign(description, { width: 17 }));
    await expect(openHierarchy(wider)).rejects.toThrow(/expected tensor "queries" of shape \[512,17\]/);
    await writeFile(join(wider, 'hierarchy.json'), 'no JSON');
    await expect(openHierarchy(wider)).rejects.toThrow(/found no JSON/);
  });
});
