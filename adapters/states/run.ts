/**
 * What all workers of one build share: the list of slices. Whoever starts while a build is going on joins it, and adds
 * slices for what was written since it began; whoever starts after it begins the next one.
 */

import { definitionDigest } from '../install/digest.ts';
import { isObject, toList } from '../search-body/json.ts';
import type { CallOptions, WriteMark } from './contract.ts';
import { cutSlices, type ShardSpan, type Slice } from './shards.ts';
import type { StoredDocuments } from './stored-documents.ts';

/** A build, as every worker sees it. */
export interface Run {
  /** Names what is built, and where. */
  readonly key: string;
  /** 1-based: how many builds of this key there were. */
  readonly number: number;
  /** Whether all slices are done. */
  readonly isDone: boolean;
  /** What is to be read. */
  readonly slices: readonly Slice[];
  /** Which version of the shared document this is. */
  readonly version: WriteMark;
}

/** Names a build by everything that its states depend on. */
export function runKey(definition: Readonly<Record<string, unknown>>): string {
  return definitionDigest(definition);
}

/** The document that keeps how far a slice has come. */
export function sliceId({ key, number }: Run, { identity, shard, after }: Slice): string {
  return `${key}-${number}-${identity}-${shard}-${after}`;
}

/** What a worker that starts brings along. */
export interface JoinOptions extends CallOptions {
  /** What the shards hold now. */
  readonly spans: readonly ShardSpan[];
  /** About how many slices there should be. */
  readonly slices: number;
}

/** Begins a build, or joins the one that is going on. */
export async function joinRun(
  documents: StoredDocuments,
  key: string,
  { spans, slices: wanted, ...options }: JoinOptions,
): Promise<Run> {
  for (;;) {
    const found = await readRun(documents, key, options);
    const isOpen = found !== undefined && !found.isDone;
    const number = isOpen ? found.number : (found?.number ?? 0) + 1;
    const kept = isOpen ? keptSlices(found.slices, spans) : [];
    const slices = [...kept, ...cutSlices(spans, wanted, (span) => endOf(kept, span))];
    if (isOpen && slices.length === found.slices.length && kept.length === slices.length) return found;
    const run = { key, number, isDone: false, slices };
    const version = await documents.put(key, toContent(run), found?.version, options);
    if (!version) continue;
    // What the build before this one remembered of its slices, nobody asks for any more.
    if (found?.isDone)
      await documents.removeMany(
        found.slices.map((slice) => sliceId(found, slice)),
        options,
      );
    return { ...run, version };
  }
}

/** The build as it is now; `undefined` when there was none. */
export async function readRun(
  documents: StoredDocuments,
  key: string,
  options?: CallOptions,
): Promise<Run | undefined> {
  const [found] = await documents.getMany([key], options);
  if (!found) return undefined;
  const { number, is_done: isDone, slices } = found.content;
  return {
    key,
    number: Number(number),
    isDone: isDone === true,
    slices: toList(slices).flatMap(toSlice),
    version: found.version,
  };
}

/** Marks a build as done, unless somebody added slices meanwhile. @returns Whether it is. */
export async function finishRun(
  documents: StoredDocuments,
  run: Run,
  options?: CallOptions,
): Promise<boolean> {
  const version = await documents.put(run.key, toContent({ ...run, isDone: true }), run.version, options);
  return version !== undefined;
}

/** Slices of indices that are gone, or were made anew under the same name, mean nothing any more. */
function keptSlices(slices: readonly Slice[], spans: readonly ShardSpan[]): readonly Slice[] {
  const identities = new Set(spans.map(({ index }) => index.identity));
  return slices.filter(({ identity }) => identities.has(identity));
}

function endOf(slices: readonly Slice[], { index, shard }: ShardSpan): number {
  const own = slices.filter((slice) => slice.identity === index.identity && slice.shard === shard);
  return Math.max(-1, ...own.map(({ to }) => to));
}

function toContent({ number, isDone, slices }: Omit<Run, 'version'>): Readonly<Record<string, unknown>> {
  return { number, is_done: isDone, slices };
}

function toSlice(entry: unknown): Slice[] {
  if (!isObject(entry)) return [];
  const { index, identity, shard, after, to } = entry;
  return [
    {
      index: String(index),
      identity: String(identity),
      shard: Number(shard),
      after: Number(after),
      to: Number(to),
    },
  ];
}
