/**
 * A worker's hold on a slice: the worker claims the slice and keeps it by a heartbeat; another worker takes the slice
 * over when the heartbeat stops.
 */

import type { CallOptions, WriteMark } from '../../cluster/contract.ts';
import type { StoredDocument, StoredDocuments } from '../../cluster/stored-documents.ts';
import { type BuildCounts, noCounts, toCounts } from './counts.ts';
import { type SharedBuild, sliceId } from './shared-build.ts';
import type { Slice } from './slices.ts';

/** The progress of a slice. */
export interface SliceProgress {
  /** Number of the last write that a worker looked at. */
  readonly after: number;
  /** Outcomes of the slice's documents so far, over all workers. */
  readonly counts: BuildCounts;
}

/** The identity of a worker, and its means to judge others. */
export interface WorkerIdentity {
  /** Names the worker, uniquely among all workers of all machines and times. */
  readonly owner: string;
  /** Whether another worker is known to be dead; a worker of another machine shows that by its heartbeat alone. */
  readonly isDead: (owner: string) => boolean;
  /** The time, in milliseconds since 1970. */
  readonly now: () => number;
  /** How often the worker writes a heartbeat, in milliseconds. */
  readonly heartbeatMs: number;
  /** Age of a heartbeat at which its worker counts as dead, in milliseconds. */
  readonly deadAfterMs: number;
}

/** Thrown when another worker has taken the slice over; the former holder leaves the slice alone. */
export class SliceTakenError extends Error {
  override readonly name = 'SliceTakenError';
}

/** The standing of a slice. */
export type SliceStanding = {
  readonly state: 'free' | 'held' | 'done';
  readonly progress: SliceProgress;
  readonly version?: WriteMark;
};

/** The standing of a slice for a worker that looks for one. */
export function standingOf(
  slice: Slice,
  stored: StoredDocument | undefined,
  worker: WorkerIdentity,
): SliceStanding {
  if (!stored) return { state: 'free', progress: { after: slice.after, counts: noCounts } };
  const { isDead, now, deadAfterMs } = worker;
  const { owner, heartbeat_ms: heartbeat, is_done: isDone, after, counts } = stored.content;
  const progress = { after: Number(after), counts: toCounts(counts) };
  // A slice of the worker's own is free too: the server was away when the worker gave it back.
  const isLeft =
    owner === '' ||
    owner === worker.owner ||
    isDead(String(owner)) ||
    now() - Number(heartbeat) > deadAfterMs;
  const state = isDone === true ? 'done' : isLeft ? 'free' : 'held';
  return { state, progress, version: stored.version };
}

/** A slice that a worker holds. The lease sends its writes one after another; the worker closes it when done. */
export class SliceLease {
  /** The slice that the worker holds. */
  readonly slice: Slice;
  readonly #documents: StoredDocuments;
  readonly #id: string;
  readonly #worker: WorkerIdentity;
  readonly #timer: NodeJS.Timeout;
  #progress: SliceProgress;
  #version: WriteMark;
  #last: Promise<void> = Promise.resolve();

  private constructor(parts: {
    readonly documents: StoredDocuments;
    readonly id: string;
    readonly slice: Slice;
    readonly worker: WorkerIdentity;
    readonly progress: SliceProgress;
    readonly version: WriteMark;
  }) {
    this.#documents = parts.documents;
    this.#id = parts.id;
    this.slice = parts.slice;
    this.#worker = parts.worker;
    this.#progress = parts.progress;
    this.#version = parts.version;
    this.#timer = setInterval(() => {
      // A failure shows at the next checkpoint.
      this.#write(this.#progress, false).catch(() => undefined);
    }, parts.worker.heartbeatMs).unref();
  }

  /** Claims a free slice; `undefined` when another worker was first. */
  static async claim(
    documents: StoredDocuments,
    target: { readonly build: SharedBuild; readonly slice: Slice; readonly standing: SliceStanding },
    worker: WorkerIdentity,
    options?: CallOptions,
  ): Promise<SliceLease | undefined> {
    const { build, slice, standing } = target;
    const { progress } = standing;
    const id = sliceId(build, slice);
    const version = await documents.put(id, toContent(progress, worker, false), standing.version, options);
    return version && new SliceLease({ documents, id, slice, worker, progress, version });
  }

  /** The progress of the slice. */
  get progress(): SliceProgress {
    return this.#progress;
  }

  /** Stores the progress of the slice. @throws SliceTakenError when another worker holds the slice now. */
  async save(progress: SliceProgress, { isDone = false }: { readonly isDone?: boolean } = {}): Promise<void> {
    // Set before the write, so that no heartbeat writes the old progress again.
    this.#progress = progress;
    if (isDone) this.close();
    await this.#write(progress, isDone);
  }

  /** Gives the slice back at once, so that others need not wait for the heartbeat to grow old. */
  async release(): Promise<void> {
    this.close();
    await this.#write(this.#progress, false, '');
  }

  /** Ends the heartbeat. Closing twice does nothing. */
  close(): void {
    clearInterval(this.#timer);
  }

  #write(progress: SliceProgress, isDone: boolean, owner = this.#worker.owner): Promise<void> {
    const written = this.#last.then(() => this.#writeNow(progress, isDone, owner));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #writeNow(progress: SliceProgress, isDone: boolean, owner: string): Promise<void> {
    const content = toContent(progress, { ...this.#worker, owner }, isDone);
    const version = await this.#documents.put(this.#id, content, this.#version);
    this.#version = version ?? (await this.#writeAgain(content));
  }

  /**
   * When the answer to a write was lost, the repeated write finds the first as a newer version: the slice is still
   * ours.
   */
  async #writeAgain(content: Readonly<Record<string, unknown>>): Promise<WriteMark> {
    const [found] = await this.#documents.getMany([this.#id]);
    const isOurs = found?.content['owner'] === this.#worker.owner;
    const version = isOurs ? await this.#documents.put(this.#id, content, found.version) : undefined;
    if (version) return version;
    throw new SliceTakenError(`Slice ${this.#id} was taken over by ${String(found?.content['owner'])}.`);
  }
}

function toContent(
  { after, counts }: SliceProgress,
  { owner, now }: WorkerIdentity,
  isDone: boolean,
): Readonly<Record<string, unknown>> {
  return { after, counts, is_done: isDone, owner, heartbeat_ms: now() };
}
