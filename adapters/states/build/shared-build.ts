/**
 * The state that all workers of one build share: the list of slices, and the last write of every shard that the build
 * will have looked at when they are done. A process that starts while a build is going on joins the build, and adds
 * slices for what was written since the build began. The next build looks at everything again, or goes on from where
 * the last one ended.
 */

import type { CallOptions, ConcreteIndex, WriteMark } from '../../cluster/contract.ts';
import { definitionDigest } from '../../cluster/digest.ts';
import { isObject, type JsonObject, toList } from '../../cluster/json.ts';
import type { LookedAt, ShardSpan } from '../../cluster/shards.ts';
import type { StoredDocuments } from '../../cluster/stored-documents.ts';
import { cutSlices, type Slice } from './slices.ts';

/** A build, as every worker reads it. */
export interface SharedBuild {
  /** Names the states that are built, and their place. */
  readonly key: string;
  /** Number of the build among those of its key, 1-based. */
  readonly number: number;
  /** Whether workers have finished all slices. */
  readonly isDone: boolean;
  /** Whether the build looks at every document, not only at those written since the build before. */
  readonly isWhole: boolean;
  /** The slices to read. */
  readonly slices: readonly Slice[];
  /** The last write of every shard that the build has looked at once all slices are done. */
  readonly looked: readonly ShardMark[];
  /** Time of the last search for orphans, in milliseconds since 1970; 0 for never. */
  readonly sweptMs: number;
  /** Version of the shared document. */
  readonly version: WriteMark;
}

/** The last write of one shard that a build looks at. */
export interface ShardMark {
  /** The index's name. */
  readonly index: string;
  /** Identity of the index, as in {@link Slice}. */
  readonly identity: string;
  /** 0-based number of the shard. */
  readonly shard: number;
  /** The number of the write, inclusive. */
  readonly to: number;
}

/** The writes that no build has looked at yet. */
export interface Survey {
  /** The indices that exist now. */
  readonly indices: readonly ConcreteIndex[];
  /** The new writes to those indices. */
  readonly spans: readonly ShardSpan[];
  /** States to compare with the documents; absent when the build does not look for orphans. */
  readonly states?: readonly ShardSpan[] | undefined;
}

/** Options of {@link joinBuild}. */
export interface JoinOptions extends CallOptions {
  /** Whether a new build looks at every document. The first build of a key always does. */
  readonly isWhole: boolean;
  /** About how many slices a new build gets. */
  readonly slices: number;
  /** Looks at the indices; `found` is the build that the worker joins or continues from; absent when there is none. */
  survey(
    found: SharedBuild | undefined,
    wish: { readonly isNew: boolean; readonly isWhole: boolean },
  ): Promise<Survey>;
}

/** Names a build by everything that its states depend on. */
export function buildKey(definition: Readonly<Record<string, unknown>>): string {
  return definitionDigest(definition);
}

/** Id of the document that keeps the progress of a slice. */
export function sliceId({ key, number }: SharedBuild, { of, identity, shard, after }: Slice): string {
  return `${key}-${number}-${identity}-${shard}-${after}${of === 'states' ? '-states' : ''}`;
}

/**
 * Begins a build, or joins the one that is going on. @returns The build; `undefined` when there is nothing to look at.
 */
export async function joinBuild(
  documents: StoredDocuments,
  key: string,
  { isWhole, slices, survey, ...options }: JoinOptions,
): Promise<SharedBuild | undefined> {
  for (;;) {
    const found = await readBuild(documents, key, options);
    const isOpen = found !== undefined && !found.isDone;
    const isAll = isOpen ? found.isWhole : isWhole || !found;
    const seen = await survey(found, { isNew: !isOpen, isWhole: isAll });
    const build = isOpen
      ? extended(found, seen, slices)
      : begun({ key, found, isWhole: isAll }, seen, slices);
    if (!build || build === found) return build && found;
    const version = await documents.put(key, toContent(build), found?.version, options);
    if (!version) continue;
    // No worker needs the progress of the former build's slices any more.
    if (found?.isDone)
      await documents.removeMany(
        found.slices.map((slice) => sliceId(found, slice)),
        options,
      );
    return { ...build, version };
  }
}

/** The build as it is now; `undefined` when there was none. */
export async function readBuild(
  documents: StoredDocuments,
  key: string,
  options?: CallOptions,
): Promise<SharedBuild | undefined> {
  const [found] = await documents.getMany([key], options);
  if (!found) return undefined;
  const { number, is_done: isDone, is_whole: isWhole, slices, looked, swept_ms: sweptMs } = found.content;
  return {
    key,
    number: Number(number),
    isDone: isDone === true,
    isWhole: isWhole !== false,
    slices: toList(slices).filter(isObject).map(toSlice),
    looked: toList(looked).filter(isObject).map(toMark),
    sweptMs: Number(sweptMs ?? 0),
    version: found.version,
  };
}

/** Marks a build as done, unless another process added slices meanwhile. @returns Whether the build is done. */
export async function finishBuild(
  documents: StoredDocuments,
  build: SharedBuild,
  options?: CallOptions,
): Promise<boolean> {
  const version = await documents.put(
    build.key,
    toContent({ ...build, isDone: true }),
    build.version,
    options,
  );
  return version !== undefined;
}

/** The writes after which the next build begins, by shard. */
export function lookedAt(build: Pick<SharedBuild, 'looked'> | undefined): LookedAt {
  const marks = new Map(build?.looked.map(({ identity, shard, to }) => [`${identity}/${shard}`, to]));
  return ({ identity }, shard) => marks.get(`${identity}/${shard}`) ?? -1;
}

/** Names of indices that the build has looked at and that are no longer among its indices. */
export function namesGone(
  build: SharedBuild | undefined,
  indices: readonly ConcreteIndex[],
): readonly string[] {
  const there = new Set(indices.map(({ name }) => name));
  return [...new Set(build?.looked.map(({ index }) => index))].filter((name) => !there.has(name));
}

/**
 * The build with slices for new writes. Slices of indices that are gone, or were made anew under the same name, are
 * left out: they mean nothing any more.
 */
function extended(found: SharedBuild, survey: Survey, slices: number): Draft {
  const identities = new Set(survey.indices.map(({ identity }) => identity));
  const kept = found.slices.filter(({ identity }) => identities.has(identity));
  const added = cutSlices(survey.spans, slices);
  if (added.length === 0 && kept.length === found.slices.length) return found;
  return { ...found, slices: [...kept, ...added], looked: moved(found, survey) };
}

interface Beginning {
  readonly key: string;
  readonly found: SharedBuild | undefined;
  readonly isWhole: boolean;
}

function begun({ key, found, isWhole }: Beginning, survey: Survey, wanted: number): Draft | undefined {
  const { spans, states } = survey;
  if (!isWhole && spans.length === 0 && !states) return undefined;
  const slices = [...cutSlices(spans, wanted), ...cutSlices(states ?? [], wanted, 'states')];
  return {
    key,
    number: (found?.number ?? 0) + 1,
    // After deletions alone there is nothing to read.
    isDone: !isWhole && slices.length === 0,
    isWhole,
    slices,
    looked: moved(found, survey),
    sweptMs: states ? Date.now() : (found?.sweptMs ?? 0),
  };
}

type Draft = Omit<SharedBuild, 'version'>;

/**
 * The shards' marks of a new build. The marks of a deleted index keep its name until the next search for orphans,
 * because all its states are orphans. They forget how far the index was looked at, because some of its slices may not
 * have been finished.
 */
function moved(found: SharedBuild | undefined, { indices, spans, states }: Survey): readonly ShardMark[] {
  const before = lookedAt(found);
  const ends = new Map(spans.map(({ index, shard, to }) => [`${index.identity}/${shard}`, to]));
  const gone = new Set(states ? [] : namesGone(found, indices));
  return [
    ...indices.flatMap((index) =>
      Array.from({ length: index.shards }, (_, shard) => {
        const { name, identity } = index;
        const to = ends.get(`${identity}/${shard}`) ?? before(index, shard);
        return { index: name, identity, shard, to };
      }),
    ),
    ...(found?.looked.flatMap((mark) => (gone.has(mark.index) ? [{ ...mark, to: -1 }] : [])) ?? []),
  ];
}

function toContent({ number, isDone, isWhole, slices, looked, sweptMs }: Draft): JsonObject {
  return { number, is_done: isDone, is_whole: isWhole, slices, looked, swept_ms: sweptMs };
}

function toSlice(entry: JsonObject): Slice {
  const { of, after } = entry;
  return { ...toMark(entry), of: of === 'states' ? 'states' : 'documents', after: Number(after) };
}

function toMark({ index, identity, shard, to }: JsonObject): ShardMark {
  return { index: String(index), identity: String(identity), shard: Number(shard), to: Number(to) };
}
