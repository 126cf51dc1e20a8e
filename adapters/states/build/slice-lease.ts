/** A worker's hold on a slice: claimed, kept by a heartbeat, and taken over when that stops. */

import type { CallOptions, WriteMark } from '../../cluster/contract.ts';
import type { StoredDocument, StoredDocuments } from '../../cluster/stored-documents.ts';
import { type BuildCounts, noCounts, toCounts } from './counts.ts';
import { type SharedBuild, sliceId } from './shared-build.ts';
import type { Slice } from './slices.ts';

/** How far a slice has come. */
export interface SliceProgress {
  /** The number of the last write that was looked at. */
  readonly after: number;
  /** What became of its documents so far, whoever looked at them. */
  readonly counts: BuildCounts;
}

/** Who a worker is, and how it judges others. */
export interface WorkerIdentity {
  /** One of a kind among all workers, of all machines and times. */
  readonly owner: string;
  /** Whether another worker is known to be dead; those of other machines are known by their heartbeat alone. */
  readonly isDead: (owner: string) => boolean;
  /** The time, in milliseconds since 1970. */
  readonly now: () => number;
  /** How often a heartbeat is written, in milliseconds. */
  readonly heartbeatMs: number;
  /** How old a heartbeat is of a worker that is taken for dead, in milliseconds. */
  readonly deadAfterMs: number;
}

/** Another worker has taken the slice over: whoever held it leaves it alone. */
export class SliceTakenError extends Error {
  override readonly name = 'SliceTakenError';
}

/** How a slice stands. */
export type SliceStanding = {
  readonly state: 'free' | 'held' | 'done';
  readonly progress: SliceProgress;
  readonly version?: WriteMark;
};

/** How a slice stands for a worker that looks for one. */
export function standingOf(
  slice: Slice,
  stored: StoredDocument | undefined,
  worker: WorkerIdentity,
): SliceStanding {
  if (!stored) return { state: 'free', progress: { after: slice.after, counts: noCounts } };
  const { isDead, now, deadAfterMs } = worker;
  const { owner, heartbeat_ms: heartbeat, is_done: isDone, after, counts } = stored.content;
  const progress = { after: Number(after), counts: toCounts(counts) };
  // One's own: the server was away when it was to be given back.
  const isLeft =
    owner === '' ||
    owner === worker.owner ||
    isDead(String(owner)) ||
    now() - Number(heartbeat) > deadAfterMs;
  const state = isDone === true ? 'done' : isLeft ? 'free' : 'held';
  return { state, progress, version: stored.version };
}

/** A slice in hand. Its writes come one after another; close it when done with it. */
export class SliceLease {
  /** What is held. */
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
      // Whatever is wrong shows at the next checkpoint.
      this.#write(this.#progress, false).catch(() => undefined);
    }, parts.worker.heartbeatMs).unref();
  }

  /** Takes a free slice; `undefined` when another worker was first. */
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

  /** How far the slice has come. */
  get progress(): SliceProgress {
    return this.#progress;
  }

  /** Remembers how far the slice has come. @throws SliceTakenError when another worker has it now. */
  async save(progress: SliceProgress, { isDone = false }: { readonly isDone?: boolean } = {}): Promise<void> {
    // First, so that no heartbeat takes it back.
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

  /** A write that was answered too late is found as its own successor: then the slice is still ours. */
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
