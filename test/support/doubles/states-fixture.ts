/** A build over the double, with a maker that takes no time. */
import { Client } from '@opensearch-project/opensearch';
import {
  type BuildOptions,
  encodingOf,
  type StateMaker,
  stateCalls,
  type TransportOwner,
} from '../../../adapters/server.ts';
import { textDigest } from '../../../engine/text-digest.ts';
import type { StatesDouble } from './states-double.ts';

/** A maker of states of one value. */
export function quickMaker(
  encodingDigest: string = 'e'.repeat(32),
): StateMaker & { readonly encoded: string[] } {
  const encoded: string[] = [];
  return {
    encoded,
    encodingDigest,
    form: { name: 'anchor-fp16', encode: () => new Uint8Array([1, 2, 3]) },
    async encode(texts) {
      encoded.push(...texts);
      return texts.map(() => ({
        width: 1,
        blockTokens: [1],
        anchors: new Float32Array([1]),
        truncatedTokens: 0,
      }));
    },
  };
}

/** Options of a build of the index `docs` into the generation `g`; one worker, waits of milliseconds. */
export function buildOver(double: StatesDouble, more: Partial<BuildOptions> = {}): BuildOptions {
  const client = new Client({ node: double.url }) as unknown as TransportOwner;
  return {
    calls: stateCalls(client, 'opensearch'),
    index: 'docs',
    place: { kind: 'sidecar', generation: 'g' },
    maker: quickMaker(),
    fields: ['title', 'body'],
    owner: 'machine:1:a',
    workers: 1,
    slices: 1,
    page: { documents: 10 },
    patience: { maxAttempts: 8, initialDelayMs: 1, maxDelayMs: 5 },
    heartbeat: { everyMs: 1000, deadAfterMs: 60_000, pollMs: 5 },
    ...more,
  };
}

/** Fills the index `docs`. */
export function fill(double: StatesDouble, documents: number): void {
  for (let i = 0; i < documents; i += 1) double.write('docs', `d${i}`, { title: `t${i}`, body: `b${i}` });
}

/** The sidecar of `docs`. */
export const sidecar = 'docs-blockrank-states-g';

/** Ids of documents whose state does not fit their text. */
export function unfresh(double: StatesDouble): string[] {
  const states = double.documents(sidecar);
  return [...double.documents('docs')]
    .filter(
      ([id, { source }]) =>
        states.get(id)?.source.text_digest !== textDigest(`${source.title} ${source.body}`),
    )
    .map(([id]) => id);
}

export const encodingName: string = encodingOf(quickMaker());
