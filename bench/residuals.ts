/** What a further residual costs on a pool that has the base open: memory, time to open, time to rank. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type EncoderReranker,
  openEncoderReranker,
  openWorkerPool,
  type WorkerPool,
} from '../engine/index.ts';
import { defaultModelFolder, openModelFolder } from '../engine/model/folder.ts';
import { readEncoderConfig } from '../engine/model/read-encoder-config.ts';
import { toResidualFile } from '../engine/model/residual-file.ts';
import { type ResidualForm, residualParameterCount, residualStart } from '../engine/network/residuals.ts';
import { collectGarbage } from '../engine/training/trainees/readout/collect-garbage.ts';
import { atMost, type Bench, rounded } from './support/bench.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { passages, question, shortlistOf } from './support/texts.ts';
import { uniformRandom } from './support/uniform-random.ts';

const tenants = 100;
/** Of these, those that come before what a further one costs is measured: opening the first ones fills the heap of each thread. */
const firstTenants = 10;
/** Residuals of a form of their own each: a graph of its own, and so a session in every worker. */
const alone = 6;
const workers = 2;
const rank = 8;
const rounds = 15;
const form: ResidualForm = { kind: 'rw+lr', rank, window: 3 };

export const residuals: Bench = {
  about: `Memory of ${tenants} residuals of one form over one base, beside ${alone} that need a session each.`,
  async run(note) {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-residuals-'));
    const pool = openWorkerPool({ workers });
    const open: EncoderReranker[] = [];
    const add = async (path?: string): Promise<EncoderReranker> => {
      const reranker = await opened(pool, path);
      open.push(reranker);
      await ranked(reranker, 2);
      return reranker;
    };
    try {
      const paths = await writeResiduals(folder);
      const before = await resident();
      const base = await add();
      const first = await add(paths.shared[0]);
      const start = await resident();
      for (const path of paths.shared.slice(1, firstTenants)) await add(path);
      const few = await resident();
      const startMs = performance.now();
      for (const [i, path] of paths.shared.slice(firstTenants).entries()) {
        await add(path);
        if ((firstTenants + i + 1) % 25 === 0) note(`${firstTenants + i + 1} tenants`);
      }
      const openMs = (performance.now() - startMs) / (tenants - firstTenants);
      const shared = await resident();
      for (const path of paths.alone) await add(path);
      const end = await resident();
      const times = await alternate(rounds, {
        base: () => ranked(base, 10),
        residual: () => ranked(first, 10),
      });
      const fileBytes = (await readFile(paths.shared[0]!)).length;
      const perTenant = (shared - few) / (tenants - firstTenants);
      const perSession = (end - shared) / alone;
      return {
        figures: {
          workers,
          form,
          numbers: residualParameterCount(form, await readEncoderConfig(defaultModelFolder())),
          fileKB: rounded(fileBytes / 1e3),
          baseAndOneMB: rounded((start - before) / 1e6),
          furtherTenantKB: rounded(perTenant / 1e3),
          [`base and ${tenants} tenants, MB`]: rounded((shared - before) / 1e6),
          sessionOfItsOwnMB: rounded(perSession / 1e6),
          openAndRankTwoMs: rounded(openMs),
          coldMs: Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, rounded(median(ms))])),
          residualOverBase: rounded(medianRatio(times['residual']!, times['base']!)),
        },
        checks: [
          atMost('memory of a further tenant / its file', perTenant / fileBytes, 2),
          atMost('further tenant / a session of its own', perTenant / perSession, 0.1),
        ],
      };
    } finally {
      for (const each of open) await each.close();
      await pool.close();
      await rm(folder, { recursive: true });
    }
  },
};

const opened = (pool: WorkerPool, residual?: string): Promise<EncoderReranker> =>
  openEncoderReranker({
    pool,
    warmUp: false,
    // States are counted apart: each tenant has as many bytes of them as its `stateCacheBytes` says.
    stateCacheBytes: 0,
    ...(residual !== undefined && { residual }),
  });

const { texts } = passages(10);
let asked = 0;
const ranked = (reranker: EncoderReranker, documents: number): Promise<unknown> =>
  reranker.rerank(shortlistOf(question(asked++), texts.slice(0, documents)));

async function writeResiduals(folder: string): Promise<{ shared: string[]; alone: string[] }> {
  const { digest, manifest } = await openModelFolder(defaultModelFolder());
  const sizes = await readEncoderConfig(defaultModelFolder());
  await mkdir(folder, { recursive: true });
  const write = async (name: string, of: ResidualForm, seed: number): Promise<string> => {
    const tensors = residualStart(of, sizes);
    const next = uniformRandom(seed);
    for (const { data } of tensors.values()) for (const i of data.keys()) data[i]! += 0.01 * next();
    const path = join(folder, `${name}.safetensors`);
    await writeFile(path, toResidualFile(tensors, of, { digest, name: manifest.name }));
    return path;
  };
  const shared: string[] = [];
  for (let t = 0; t < tenants; t += 1) shared.push(await write(`tenant-${t}`, form, t));
  const own: string[] = [];
  for (let t = 0; t < alone; t += 1) own.push(await write(`own-${t}`, { ...form, rank: rank + 1 + t }, t));
  return { shared, alone: own };
}

/** Resident memory in bytes, mapped weights among it, once garbage is gone and nothing has changed for a moment. */
async function resident(): Promise<number> {
  collectGarbage();
  await sleep(500);
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return line ? Number(line[1]) * 1024 : process.memoryUsage().rss;
}
