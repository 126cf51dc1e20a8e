import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { faultOf, readHouse } from '../../scripts/house/table.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Lints files in a folder of their own under the house's rules; what was said of each, by its place. */
function lintAll(sources: ReadonlyMap<string, string>): (path: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'blockrank-layers-'));
  for (const name of ['biome.json', 'biome.house.json']) copyFileSync(join(root, name), join(folder, name));
  for (const [path, source] of sources) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), source);
  }
  const biome = join(root, 'node_modules', '.bin', 'biome');
  const { stdout, stderr } = spawnSync(biome, ['lint', '--max-diagnostics=none', '--colors=off'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const said = `${stdout}${stderr}`.split(/\n(?=\S+\.ts:\d+)/);
  return (path) => said.filter((part) => part.startsWith(`${path}:`)).join('\n');
}

const house = readHouse(join(root, 'house.json'));

const importing = (from: string): string => `import { x } from '${from}';\n\nexport const y: unknown = x;\n`;

/** A place, what it may not import, and the words of the rule. */
const wrong: readonly (readonly [string, string, string])[] = [
  ['engine/rerank/a.ts', '../../adapters/adapter.ts', 'The engine knows no search server'],
  ['engine/states/a.ts', '@elastic/elasticsearch', 'may import @elastic/elasticsearch'],
  ['engine/rerank/a.ts', '../../plugin/stage/stage.ts', 'The engine knows no search server'],
  ['engine/rerank/a.ts', '../evaluation/measures.ts', 'engine/rerank imports only'],
  ['engine/index.ts', './evaluation/measures.ts', 'engine/index.ts imports only'],
  ['engine/rerank/a.ts', 'onnxruntime-node', 'Only engine/session may import onnxruntime-node'],
  ['engine/evaluation/a.ts', 'onnxruntime-node', 'Only engine/session may import onnxruntime-node'],
  ['plugin/stage/a.ts', 'onnxruntime-node', 'Only engine/session may import onnxruntime-node'],
  ['engine/graph/a.ts', '../network/encoder.ts', 'engine/graph imports no other part'],
  ['engine/session/a.ts', '../rerank/spans.ts', 'engine/session imports'],
  ['engine/network/a.ts', '../states/batches.ts', 'engine/network imports'],
  ['engine/readout/a.ts', '../session/pool.ts', 'engine/readout imports'],
  ['engine/blocks/a.ts', '../states/batches.ts', 'engine/blocks imports'],
  ['engine/scores/a.ts', '../states/batches.ts', 'engine/scores imports'],
  ['engine/model/a.ts', '../rerank/spans.ts', 'engine/model imports'],
  ['engine/states/a.ts', '../rerank/spans.ts', 'engine/states imports'],
  ['engine/weights/a.ts', '../network/encoder.ts', 'engine/weights imports'],
  ['engine/tokenizer/a.ts', '../blocks/caps.ts', 'engine/tokenizer imports'],
  ['engine/compose/a.ts', '../rerank/spans.ts', 'engine/compose imports only scores'],
  ['engine/remote/a.ts', '../session/pool.ts', 'engine/remote imports'],
  ['adapters/opensearch/a.ts', '../../plugin/stage/stage.ts', 'Adapters know servers, not the stage'],
  [
    'adapters/opensearch/a.ts',
    '../../engine/states/batches.ts',
    'adapters/opensearch opens of engine only engine/index.ts',
  ],
  [
    'plugin/stage/a.ts',
    '../../adapters/opensearch/index.ts',
    'plugin/stage opens of adapters only adapters/adapter.ts',
  ],
  [
    'plugin/stage/a.ts',
    '../../engine/states/batches.ts',
    'plugin/stage opens of engine only engine/index.ts',
  ],
  ['plugin/config/a.ts', '../../engine/laboratory.ts', 'plugin/config opens of engine only engine/index.ts'],
  [
    'plugin/proxy/a.ts',
    '../../engine/states/batches.ts',
    'plugin/proxy opens of engine only engine/index.ts',
  ],
  ['plugin/guard/a.ts', '../stage/stage.ts', 'plugin/guard imports only options of plugin'],
  ['plugin/config/a.ts', '../compose/stage.ts', 'plugin/config imports only options of plugin'],
  ['adapters/cluster/a.ts', '../states/place/contract.ts', 'adapters/cluster imports no other part'],
  [
    'plugin/cli/a.ts',
    '../../engine/states/batches.ts',
    'plugin/cli opens of engine only engine/index.ts, engine/errors.ts, engine/laboratory.ts',
  ],
];

/** Imports that the design allows, one a layer. */
const right: readonly (readonly [string, string])[] = [
  ['engine/session/a.ts', 'onnxruntime-node'],
  ['engine/rerank/a.ts', '../states/batches.ts'],
  ['engine/remote/a.ts', '../abortable.ts'],
  ['engine/evaluation/a.ts', '../rerank/spans.ts'],
  ['adapters/opensearch/a.ts', '../../engine/index.ts'],
  ['plugin/stage/a.ts', '../../adapters/adapter.ts'],
  ['plugin/compose/a.ts', '../../adapters/opensearch/index.ts'],
  ['plugin/proxy/a.ts', '../../adapters/search-body/index.ts'],
  ['plugin/cli/a.ts', '../../engine/laboratory.ts'],
];

/** One file a case, so that each is judged on its own. */
const placed = (path: string, i: number): string =>
  path.endsWith('/a.ts') ? path.replace('/a.ts', `/case-${i}.ts`) : path;
const cases = [...wrong, ...right].map(([path, from], i) => ({ path: placed(path, i), from }));
const saidOf = lintAll(new Map(cases.map(({ path, from }) => [path, importing(from)])));

describe('layer rules', () => {
  it.each(wrong.map(([path, from, words], i) => ({ path, from, words, place: cases[i]!.path })))(
    'keep $path from importing $from',
    ({ place, words }) => {
      expect(saidOf(place)).toContain('noRestrictedImports');
      expect(saidOf(place)).toContain(words);
    },
  );

  it.each(wrong)('agree with the table that %s may not import %s', (path, from) => {
    const target = from.startsWith('.') ? join(dirname(path), from) : from;
    expect(faultOf(house, path, target)).toMatch(/may not import/);
  });

  it.each(right.map(([path, from], i) => ({ path, from, place: cases[wrong.length + i]!.path })))(
    'let $path import $from',
    ({ place }) => {
      expect(saidOf(place)).not.toContain('noRestrictedImports');
    },
  );
});
