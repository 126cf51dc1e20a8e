/** Reads a slice page by page over a point in time: all pages see the same documents, whatever is written meanwhile. */
import { FirstStageError } from '../../../engine/index.ts';
import type { CallOptions } from '../../cluster/contract.ts';
import { isObject, type JsonObject } from '../../cluster/json.ts';
import type { Cluster } from '../../cluster/patient-calls.ts';
import { shardPreference } from '../../cluster/shards.ts';
import type { ScannedDocument } from '../place/contract.ts';
import type { Slice } from './slices.ts';

/** Limits of a page. */
export interface PageOptions {
  /** Most documents of a page. @defaultValue 64 */
  readonly documents?: number | undefined;
  /** About the most bytes of a page. @defaultValue 4194304 (4 MiB) */
  readonly bytes?: number | undefined;
  /** How long the server keeps the point in time after a page, as servers write durations. @defaultValue `'5m'` */
  readonly keepAlive?: string | undefined;
}

/** A page, in the order of the documents' last writes. */
export interface ScannedPage {
  /** The documents; none at the end of the slice. */
  readonly documents: readonly ScannedDocument[];
  /** Number of the last document's last write: the next page begins after it. */
  readonly after: number;
}

/** The range of writes that a scan reads. */
export type ScanRange = Pick<Slice, 'index' | 'shard' | 'to'>;

/** Most documents of a page by default. */
export const defaultPageDocuments = 64;

const defaultPageBytes = 4 * 1024 * 1024;

/**
 * A reader of one slice, in the order of `_seq_no`. That number is unique in a shard and stays the same from one point
 * in time to the next: when a point in time has expired, the scan opens another, and neither loses nor repeats a
 * document.
 */
export class SliceScan {
  readonly #cluster: Cluster;
  readonly #slice: ScanRange;
  readonly #sourceFields: readonly string[];
  readonly #page: Required<{ [K in keyof PageOptions]: NonNullable<PageOptions[K]> }>;
  #pit: string | undefined;
  #bytesOfOne = 0;

  constructor(
    cluster: Cluster,
    slice: ScanRange,
    { scanned, page = {} }: { readonly scanned: readonly string[]; readonly page?: PageOptions | undefined },
  ) {
    this.#cluster = cluster;
    this.#slice = slice;
    this.#sourceFields = scanned;
    this.#page = {
      documents: page.documents ?? defaultPageDocuments,
      bytes: page.bytes ?? defaultPageBytes,
      keepAlive: page.keepAlive ?? '5m',
    };
  }

  /** The page after a write of the slice; empty when the index was deleted meanwhile. */
  async next(after: number, options: CallOptions = {}): Promise<ScannedPage> {
    const hits = await this.#hits(after, options);
    const documents = hits.map((hit) => toDocument(hit));
    if (documents.length > 0) this.#bytesOfOne = JSON.stringify(hits).length / documents.length;
    return { documents, after: documents.at(-1)?.seqNo ?? this.#slice.to };
  }

  /** Frees the point in time on the server. Closing twice does nothing. */
  async close(): Promise<void> {
    const pit = this.#pit;
    this.#pit = undefined;
    if (pit === undefined) return;
    const request =
      this.#cluster.server === 'elasticsearch'
        ? ({ method: 'DELETE', path: '/_pit', body: { id: pit } } as const)
        : ({ method: 'DELETE', path: '/_search/point_in_time', body: { pit_id: [pit] } } as const);
    await this.#cluster.askOnce(request, { what: 'close a point in time', allowed: [404] });
  }

  async #hits(after: number, options: CallOptions): Promise<readonly JsonObject[]> {
    for (let attempt = 0; ; attempt += 1) {
      this.#pit ??= await this.#open(options);
      if (this.#pit === undefined) return [];
      const answer = await this.#search(this.#pit, after, options);
      if (answer) return answer;
      this.#pit = undefined;
      if (attempt >= 5) {
        throw new FirstStageError(
          `Cannot read "${this.#slice.index}": a point in time is lost as soon as it is opened. Check the limit of open contexts, and that shard ${this.#slice.shard} is assigned.`,
          { adapter: this.#cluster.server },
        );
      }
    }
  }

  async #open(options: CallOptions): Promise<string | undefined> {
    const { index, shard } = this.#slice;
    const own = this.#cluster.server === 'elasticsearch' ? '_pit' : '_search/point_in_time';
    const request = {
      method: 'POST',
      path: `/${encodeURIComponent(index)}/${own}`,
      querystring: {
        keep_alive: this.#page.keepAlive,
        preference: shardPreference(this.#cluster.server, shard),
      },
    } as const;
    const what = `open a point in time of "${index}"`;
    const { body } = await this.#cluster.ask(request, { what, allowed: [404], ...options });
    const id = body['id'] ?? body['pit_id'];
    return typeof id === 'string' ? id : undefined;
  }

  /** Hits after a write; `undefined` when the point in time has expired. */
  async #search(
    pit: string,
    after: number,
    options: CallOptions,
  ): Promise<readonly JsonObject[] | undefined> {
    const { documents, bytes, keepAlive } = this.#page;
    const fitting = this.#bytesOfOne > 0 ? Math.floor(bytes / this.#bytesOfOne) : documents;
    const body = {
      pit: { id: pit, keep_alive: keepAlive },
      size: Math.max(1, Math.min(documents, fitting)),
      query: { range: { _seq_no: { gt: after, lte: this.#slice.to } } },
      sort: [{ _seq_no: 'asc' }],
      _source: this.#sourceFields.length > 0 ? [...this.#sourceFields] : false,
      seq_no_primary_term: true,
      track_total_hits: false,
    };
    const asked = { what: `read "${this.#slice.index}"`, allowed: [404], ...options };
    const answer = await this.#cluster.ask({ method: 'POST', path: '/_search', body }, asked);
    const { hits, _shards: shards } = answer.body;
    // An answer from only a part of the shards would silently leave documents out.
    if (answer.status === 404 || !isObject(shards) || shards['failed'] !== 0) return undefined;
    return isObject(hits) && Array.isArray(hits['hits']) ? hits['hits'].filter(isObject) : undefined;
  }
}

function toDocument(hit: JsonObject): ScannedDocument {
  const { _index: index, _id: id, _routing: routing } = hit;
  return {
    index: String(index),
    id: String(id),
    ...(typeof routing === 'string' && { routing }),
    seqNo: Number(hit['_seq_no']),
    primaryTerm: Number(hit['_primary_term']),
    hit,
  };
}
