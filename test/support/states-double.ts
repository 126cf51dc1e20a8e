/** As much of a search server as building states needs, in memory, over HTTP; and faults where a test wants them. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

// biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes.
type Json = any;

export interface DoubleCall {
  readonly method: string;
  readonly path: string;
  readonly body: Json;
}

export interface DoubleAnswer {
  readonly status: number;
  readonly body: Json;
}

export interface StatesDouble {
  readonly url: string;
  readonly calls: readonly DoubleCall[];
  /** The documents of an index, by id. */
  documents(index: string): ReadonlyMap<string, StoredJson>;
  /** Writes a document, past any condition. */
  write(index: string, id: string, source: Json): void;
  remove(index: string, id: string): void;
  /** Answers a call in place of the server; `lost` lets the server do it and hangs up. */
  fault: ((call: DoubleCall) => DoubleAnswer | 'lost' | undefined) | undefined;
  /** Answers one line of a bulk call in place of the server. */
  itemFault: ((id: string, index: string) => DoubleAnswer | undefined) | undefined;
  /** Loses every open point in time. */
  expire(): void;
  readonly openPits: () => number;
  close(): Promise<void>;
}

interface StoredJson {
  readonly source: Json;
  readonly seqNo: number;
  readonly version: number;
}

interface DoubleIndex {
  readonly uuid: string;
  readonly documents: Map<string, StoredJson>;
  nextSeqNo: number;
}

class Memory {
  readonly indices = new Map<string, DoubleIndex>();
  readonly pits = new Map<
    string,
    { readonly index: string; readonly documents: ReadonlyMap<string, StoredJson> }
  >();
  #made = 0;

  make(name: string): DoubleIndex {
    this.#made += 1;
    const index = { uuid: `uuid-${this.#made}`, documents: new Map(), nextSeqNo: 0 };
    this.indices.set(name, index);
    return index;
  }

  openPit(index: string): string {
    this.#made += 1;
    const id = `pit-${this.#made}`;
    this.pits.set(id, { index, documents: new Map(this.indices.get(index)!.documents) });
    return id;
  }

  write(name: string, id: string, source: Json): StoredJson {
    const index = this.indices.get(name) ?? this.make(name);
    const stored = { source, seqNo: index.nextSeqNo, version: (index.documents.get(id)?.version ?? 0) + 1 };
    index.nextSeqNo += 1;
    index.documents.set(id, stored);
    return stored;
  }

  /** One conditional write, as bulk lines and single documents are. */
  put(
    name: string,
    id: string,
    { source, ifSeqNo, isCreate }: { source: Json; ifSeqNo?: number; isCreate?: boolean },
  ): DoubleAnswer {
    const present = this.indices.get(name)?.documents.get(id);
    const isStale = ifSeqNo !== undefined && present?.seqNo !== ifSeqNo;
    if (isStale || (isCreate && present))
      return { status: 409, body: error('version_conflict_engine_exception') };
    const { seqNo } = this.write(name, id, source);
    return { status: 200, body: { _id: id, status: 200, _seq_no: seqNo, _primary_term: 1 } };
  }
}

function error(type: string): Json {
  return { error: { type, reason: `a ${type}` } };
}

const missing: DoubleAnswer = { status: 404, body: { ...error('index_not_found_exception'), status: 404 } };

export async function startStatesDouble(): Promise<StatesDouble> {
  const memory = new Memory();
  const calls: DoubleCall[] = [];
  const double = {
    calls,
    fault: undefined as StatesDouble['fault'],
    itemFault: undefined as StatesDouble['itemFault'],
    documents: (index: string) => memory.indices.get(index)?.documents ?? new Map<string, StoredJson>(),
    write: (index: string, id: string, source: Json) => void memory.write(index, id, source),
    remove: (index: string, id: string) => void memory.indices.get(index)?.documents.delete(id),
    expire: () => memory.pits.clear(),
    openPits: () => memory.pits.size,
  };
  const server = createServer((incoming, outgoing) => {
    void readCall(incoming).then((call) => {
      calls.push(call);
      const fault = double.fault?.(call);
      const answer = typeof fault === 'object' ? fault : answerTo(memory, call, double.itemFault);
      if (fault === 'lost') incoming.socket.destroy();
      else
        outgoing
          .writeHead(answer.status, { 'content-type': 'application/json' })
          .end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return Object.assign(double, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close });
}

async function readCall(incoming: IncomingMessage): Promise<DoubleCall> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  const path = incoming.url ?? '/';
  const lines = path.startsWith('/_bulk')
    ? text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : undefined;
  return {
    method: incoming.method ?? 'GET',
    path,
    body: lines ?? (text === '' ? undefined : JSON.parse(text)),
  };
}

function answerTo(
  memory: Memory,
  { method, path, body }: DoubleCall,
  itemFault: StatesDouble['itemFault'],
): DoubleAnswer {
  const [address = '', query] = path.split('?');
  const [, first = '', second = '', third = ''] = address.split('/').map(decodeURIComponent);
  if (first === '_bulk') return bulk(memory, body, itemFault);
  if (first === '_mget')
    return { status: 200, body: { docs: body.docs.map((doc: Json) => get(memory, doc)) } };
  if (first === '_search' && second === 'point_in_time') {
    for (const id of body.pit_id) memory.pits.delete(id);
    return { status: 200, body: {} };
  }
  if (first === '_search') return page(memory, body);
  if (method === 'PUT' && second === '') {
    if (memory.indices.has(first)) return { status: 400, body: error('resource_already_exists_exception') };
    memory.make(first);
    return { status: 200, body: {} };
  }
  const index = memory.indices.get(first);
  return index ? ofIndex(memory, index, { method, first, second, third, query, body }) : missing;
}

interface IndexCall {
  readonly method: string;
  readonly first: string;
  readonly second: string;
  readonly third: string;
  readonly query: string | undefined;
  readonly body: Json;
}

function ofIndex(
  memory: Memory,
  index: DoubleIndex,
  { method, first, second, third, query, body }: IndexCall,
): DoubleAnswer {
  if (second === '_settings' || (method === 'GET' && second === '')) {
    const settings = {
      'index.uuid': index.uuid,
      'index.number_of_shards': '1',
      'index.number_of_replicas': '0',
    };
    return { status: 200, body: { [first]: { settings } } };
  }
  if (second === '_search' && third === 'point_in_time')
    return { status: 200, body: { pit_id: memory.openPit(first) } };
  if (second === '_search') return { status: 200, body: { hits: hitsOf(first, index.documents, body) } };
  if (second === '_doc') return memory.put(first, third, conditionsOf(new URLSearchParams(query), body));
  if (method === 'DELETE') memory.indices.delete(first);
  if (second === '_stats')
    return {
      status: 200,
      body: {
        _all: { primaries: { store: { size_in_bytes: 1000 }, docs: { count: index.documents.size } } },
      },
    };
  return { status: 200, body: {} };
}

function conditionsOf(
  parameters: URLSearchParams,
  source: Json,
): { source: Json; ifSeqNo?: number; isCreate?: boolean } {
  const ifSeqNo = parameters.get('if_seq_no');
  return {
    source,
    isCreate: parameters.get('op_type') === 'create',
    ...(ifSeqNo !== null && { ifSeqNo: Number(ifSeqNo) }),
  };
}

function get(memory: Memory, { _index, _id }: Json): Json {
  const index = memory.indices.get(_index);
  if (!index) return { _index, _id, ...missing.body };
  const found = index.documents.get(_id);
  if (!found) return { _index, _id, found: false };
  return { _index, _id, found: true, _seq_no: found.seqNo, _primary_term: 1, _source: found.source };
}

function page(memory: Memory, { pit, ...search }: Json): DoubleAnswer {
  const open = memory.pits.get(pit.id);
  if (!open) return { status: 404, body: error('search_context_missing_exception') };
  return { status: 200, body: { _shards: { failed: 0 }, hits: hitsOf(open.index, open.documents, search) } };
}

function hitsOf(
  index: string,
  documents: ReadonlyMap<string, StoredJson>,
  { size, query, sort }: Json,
): Json {
  const { gt = -1, lte = Number.POSITIVE_INFINITY } = query?.range?._seq_no ?? {};
  const sign = sort[0]._seq_no === 'desc' ? -1 : 1;
  const hits = [...documents]
    .filter(([, { seqNo }]) => seqNo > gt && seqNo <= lte)
    .sort(([, one], [, other]) => sign * (one.seqNo - other.seqNo))
    .slice(0, size)
    .map(([_id, { seqNo, source }]) => ({
      _index: index,
      _id,
      _seq_no: seqNo,
      _primary_term: 1,
      _source: source,
      sort: [seqNo],
    }));
  return { total: { value: documents.size }, hits };
}

function bulk(memory: Memory, lines: readonly Json[], itemFault: StatesDouble['itemFault']): DoubleAnswer {
  const items: Json[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    const [[action, target]] = Object.entries<Json>(lines[i]) as [[string, Json]];
    if (action === 'delete') {
      memory.indices.get(target._index)?.documents.delete(target._id);
      items.push({ delete: { status: 200 } });
      continue;
    }
    i += 1;
    const body = lines[i];
    const fault = itemFault?.(target._id, target._index);
    const present = memory.indices.get(target._index)?.documents.get(target._id);
    const source = action === 'update' ? { ...present?.source, ...body.doc } : body;
    const answer =
      fault ??
      (action === 'update' && !present
        ? { status: 404, body: error('document_missing_exception') }
        : memory.put(target._index, target._id, {
            source,
            ifSeqNo: target.if_seq_no,
            isCreate: action === 'create',
          }));
    items.push({ [action]: { ...answer.body, status: answer.status } });
  }
  return { status: 200, body: { items } };
}
