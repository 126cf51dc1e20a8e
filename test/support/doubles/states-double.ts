/**
 * The parts of a search server that building states needs, in memory, over HTTP, with faults where a test wants them.
 */
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
  /** Makes an index, as its owner would. */
  make(index: string, settings?: Json): void;
  /** Deletes an index and its documents. */
  delete(index: string): void;
  /** Restores an older copy of an index, which has fewer writes: its name and identity stay. */
  restore(index: string, documents: Readonly<Record<string, Json>>): void;
  /** Lets a name stand for indices. */
  alias(name: string, ...indices: string[]): void;
  /** Sets the index that an alias writes to. */
  writeAlias(name: string, index: string): void;
  /** The fields in the mapping of an index. */
  mapping(index: string): Json;
  /** The documents of an index, by id, as they are now. */
  documents(index: string): ReadonlyMap<string, StoredJson>;
  /** Writes a document, past any condition. */
  write(index: string, id: string, source: Json): void;
  /** Gives a write its number; the write is done when the test calls the returned function. */
  begin(index: string, id: string, source: Json): () => void;
  remove(index: string, id: string): void;
  /** Answers a call in place of the server; `lost` lets the server do it and hangs up, `away` hangs up at once. */
  fault: ((call: DoubleCall) => DoubleAnswer | 'lost' | 'away' | undefined) | undefined;
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
  readonly settings: Json;
  readonly properties: Json;
  readonly documents: Map<string, StoredJson>;
  /** The documents that searches see: those of the last refresh. */
  visible: ReadonlyMap<string, StoredJson>;
  /** Numbers of writes that are not done yet. */
  readonly begun: Set<number>;
  nextSeqNo: number;
}

class Memory {
  readonly indices = new Map<string, DoubleIndex>();
  readonly aliases = new Map<string, readonly string[]>();
  readonly writing = new Map<string, string>();
  readonly pits = new Map<
    string,
    { readonly index: string; readonly documents: ReadonlyMap<string, StoredJson> }
  >();
  #made = 0;

  make(name: string, { settings = {}, properties = {} }: Json = {}): DoubleIndex {
    this.#made += 1;
    const index = {
      uuid: `uuid-${this.#made}`,
      settings,
      properties: structuredClone(properties),
      documents: new Map(),
      visible: new Map(),
      begun: new Set<number>(),
      nextSeqNo: 0,
    };
    this.indices.set(name, index);
    return index;
  }

  openPit(name: string): string {
    this.#made += 1;
    const id = `pit-${this.#made}`;
    this.pits.set(id, { index: name, documents: this.indices.get(name)!.visible });
    return id;
  }

  number(name: string): readonly [DoubleIndex, number] {
    // Makes a missing index, as servers do by default: with a mapping of words, numbers and objects.
    const index = this.indices.get(name) ?? this.make(name, { properties: { state: { type: 'text' } } });
    index.nextSeqNo += 1;
    return [index, index.nextSeqNo - 1];
  }

  write(name: string, id: string, source: Json): StoredJson {
    const [index, seqNo] = this.number(name);
    const stored = { source, seqNo, version: (index.documents.get(id)?.version ?? 0) + 1 };
    index.documents.set(id, stored);
    return stored;
  }

  remove(name: string, id: string): void {
    const [index] = this.number(name);
    index.documents.delete(id);
  }

  /** Does one conditional write, of a bulk line or a single document. */
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

  /** The indices behind a list of names, aliases and patterns; `undefined` when a name stands for nothing. */
  namesOf(expression: string, isLenient: boolean): readonly string[] | undefined {
    const lists = expression.split(',').map((part) => {
      const aliased = this.aliases.get(part)?.filter((name) => this.indices.has(name));
      if (aliased) return aliased;
      const pattern = new RegExp(`^${part.replace(/[.+]/g, '\\$&').replaceAll('*', '.*')}$`);
      const found = [...this.indices.keys()].filter((name) => pattern.test(name));
      return found.length > 0 || part.includes('*') || isLenient ? found : undefined;
    });
    return lists.includes(undefined) ? undefined : [...new Set(lists.flatMap((list) => list ?? []))];
  }
}

function error(type: string, reason = `a ${type}`): Json {
  return { error: { type, reason } };
}

const missing: DoubleAnswer = { status: 404, body: { ...error('index_not_found_exception'), status: 404 } };

export async function startStatesDouble(): Promise<StatesDouble> {
  const memory = new Memory();
  const calls: DoubleCall[] = [];
  const double = {
    calls,
    fault: undefined as StatesDouble['fault'],
    itemFault: undefined as StatesDouble['itemFault'],
    make: (index: string, settings: Json = {}) => void memory.make(index, { settings }),
    delete: (index: string) => void memory.indices.delete(index),
    restore(name: string, documents: Readonly<Record<string, Json>>) {
      const index = memory.indices.get(name)!;
      index.documents.clear();
      index.nextSeqNo = 0;
      for (const [id, source] of Object.entries(documents)) memory.write(name, id, source);
    },
    alias: (name: string, ...indices: string[]) => void memory.aliases.set(name, indices),
    writeAlias: (name: string, index: string) => void memory.writing.set(name, index),
    mapping: (index: string) => memory.indices.get(index)?.properties,
    documents: (index: string) => memory.indices.get(index)?.documents ?? new Map<string, StoredJson>(),
    write: (index: string, id: string, source: Json) => void memory.write(index, id, source),
    begin(name: string, id: string, source: Json) {
      const [index, seqNo] = memory.number(name);
      index.begun.add(seqNo);
      return () => {
        index.begun.delete(seqNo);
        index.documents.set(id, { source, seqNo, version: 1 });
      };
    },
    remove: (index: string, id: string) => memory.remove(index, id),
    expire: () => memory.pits.clear(),
    openPits: () => memory.pits.size,
  };
  const server = createServer((incoming, outgoing) => {
    void readCall(incoming).then((call) => {
      calls.push(call);
      const fault = double.fault?.(call);
      if (fault === 'away') return void incoming.socket.destroy();
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
  const lines = /^(\/[^/?]+)?\/_bulk/.test(path)
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
    memory.make(first, {
      settings: body?.settings,
      properties: body?.mappings?.properties,
    });
    return { status: 200, body: {} };
  }
  const parameters = new URLSearchParams(query);
  // The first document of an index makes the index.
  if (second === '_doc' && !memory.indices.has(first)) memory.make(first);
  const names = memory.namesOf(first, parameters.get('ignore_unavailable') === 'true');
  if (!names) return missing;
  return ofIndices(memory, names, { method, second, third, parameters, body });
}

interface IndexCall {
  readonly method: string;
  readonly second: string;
  readonly third: string;
  readonly parameters: URLSearchParams;
  readonly body: Json;
}

function ofIndices(memory: Memory, names: readonly string[], call: IndexCall): DoubleAnswer {
  const { method, second, third, body } = call;
  const each = (say: (index: DoubleIndex) => Json): DoubleAnswer => ({
    status: 200,
    body: Object.fromEntries(names.map((name) => [name, say(memory.indices.get(name)!)])),
  });
  if (second === '_settings' || (method === 'GET' && second === '')) return each(settingsOf);
  if (second === '_alias') return { status: 200, body: aliasesOf(memory, names) };
  if (second === '_mapping') {
    return method === 'GET'
      ? each(({ properties }) => ({ mappings: { properties } }))
      : map(memory.indices.get(names[0]!)!, body.properties);
  }
  if (second === '_refresh') {
    return each((index) => {
      index.visible = new Map(index.documents);
    });
  }
  if (second === '_stats') return stats(memory, names, third);
  if (second === '_count') {
    const sizes = names.map((name) => memory.indices.get(name)!.visible.size);
    return { status: 200, body: { count: sizes.reduce((sum, size) => sum + size, 0) } };
  }
  if (method === 'DELETE') {
    for (const name of names) memory.indices.delete(name);
    return { status: 200, body: {} };
  }
  return ofIndex(memory, names[0]!, call);
}

function ofIndex(memory: Memory, name: string, { second, third, parameters, body }: IndexCall): DoubleAnswer {
  if (second === '_doc') return memory.put(name, third, conditionsOf(parameters, body));
  return third === 'point_in_time'
    ? { status: 200, body: { pit_id: memory.openPit(name) } }
    : { status: 200, body: { hits: hitsOf(name, memory.indices.get(name)!.visible, body) } };
}

function aliasesOf(memory: Memory, names: readonly string[]): Json {
  const aliases = (index: string): Json =>
    Object.fromEntries(
      [...memory.aliases].flatMap(([alias, indices]) =>
        indices.includes(index) ? [[alias, { is_write_index: memory.writing.get(alias) === index }]] : [],
      ),
    );
  return Object.fromEntries(names.map((name) => [name, { aliases: aliases(name) }]));
}

function settingsOf({ uuid, settings }: DoubleIndex): Json {
  return {
    settings: {
      'index.uuid': uuid,
      'index.number_of_shards': '1',
      'index.number_of_replicas': '0',
      ...settings,
    },
  };
}

/** A field keeps the type that it has; vectors need an index that was made for them. */
function map(index: DoubleIndex, properties: Json): DoubleAnswer {
  for (const [name, field] of Object.entries<Json>(properties)) {
    const vector = field.properties?.vector?.type;
    if (vector === 'knn_vector' && index.settings['index.knn'] !== 'true') {
      const reason = 'Cannot set modelId or method parameters when index.knn setting is false';
      return { status: 400, body: error('illegal_argument_exception', reason) };
    }
    const present = index.properties[name];
    if (present && present.type !== field.type) {
      const reason = `mapper [${name}] cannot be changed from type [${present.type}] to [${field.type}]`;
      return { status: 400, body: error('illegal_argument_exception', reason) };
    }
    index.properties[name] = field.properties
      ? { properties: { ...present?.properties, ...field.properties } }
      : field;
  }
  return { status: 200, body: {} };
}

function stats(memory: Memory, names: readonly string[], third: string): DoubleAnswer {
  const indices = names.map((name) => [name, memory.indices.get(name)!] as const);
  const count = indices.reduce((sum, [, { visible }]) => sum + visible.size, 0);
  const all = { primaries: { store: { size_in_bytes: 1000 }, docs: { count } } };
  if (third.includes('store')) return { status: 200, body: { _all: all } };
  const shards = indices.map(([name, { nextSeqNo, begun }]) => {
    const checkpoint = Math.min(nextSeqNo, ...begun) - 1;
    const numbers = {
      max_seq_no: nextSeqNo - 1,
      local_checkpoint: checkpoint,
      global_checkpoint: checkpoint,
    };
    return [name, { shards: { 0: [{ routing: { primary: true }, seq_no: numbers }] } }];
  });
  return { status: 200, body: { indices: Object.fromEntries(shards) } };
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

function get(memory: Memory, { _index, _id, _source }: Json): Json {
  const index = memory.indices.get(_index);
  if (!index) return { _index, _id, ...missing.body };
  const found = index.documents.get(_id);
  if (!found) return { _index, _id, found: false };
  const hit = { _index, _id, found: true, _seq_no: found.seqNo, _primary_term: 1 };
  return { ...hit, ...filtered(found.source, _source) };
}

/** `_source` as the request wants it: none of it, or some of its paths. */
function filtered(source: Json, wanted: Json): Json {
  if (wanted === false) return {};
  if (!Array.isArray(wanted) || wanted.includes('*')) return { _source: source };
  const pick = (value: Json, paths: readonly string[]): Json =>
    Object.fromEntries(
      Object.entries<Json>(value ?? {}).flatMap(([name, entry]) => {
        if (paths.includes(name)) return [[name, entry]];
        const inner = paths.flatMap((path) =>
          path.startsWith(`${name}.`) ? [path.slice(name.length + 1)] : [],
        );
        return inner.length > 0 && typeof entry === 'object' ? [[name, pick(entry, inner)]] : [];
      }),
    );
  return { _source: pick(source, wanted) };
}

function page(memory: Memory, { pit, ...search }: Json): DoubleAnswer {
  const open = memory.pits.get(pit.id);
  if (!open) return { status: 404, body: error('search_context_missing_exception') };
  return { status: 200, body: { _shards: { failed: 0 }, hits: hitsOf(open.index, open.documents, search) } };
}

function hitsOf(
  index: string,
  documents: ReadonlyMap<string, StoredJson>,
  { size, query, sort, _source }: Json,
): Json {
  const { gt = -1, lte = Number.POSITIVE_INFINITY } = query?.range?._seq_no ?? {};
  const [object, name] = query?.exists?.field.split('.') ?? [];
  const sign = sort?.[0]._seq_no === 'desc' ? -1 : 1;
  const wanted: readonly string[] = (query?.bool?.should ?? []).map((clause: Json) => clause.exists.field);
  const found = [...documents].filter(
    ([, { seqNo, source }]) =>
      seqNo > gt &&
      seqNo <= lte &&
      (object === undefined || source[object]?.[name] !== undefined) &&
      (wanted.length === 0 || wanted.some((field) => source[field] !== undefined)),
  );
  const hits = found
    .sort(([, one], [, other]) => sign * (one.seqNo - other.seqNo))
    .slice(0, size)
    .map(([_id, { seqNo, source }]) => ({
      _index: index,
      _id,
      _seq_no: seqNo,
      _primary_term: 1,
      ...filtered(source, _source),
      sort: [seqNo],
    }));
  return { total: { value: found.length }, hits };
}

function bulk(memory: Memory, lines: readonly Json[], itemFault: StatesDouble['itemFault']): DoubleAnswer {
  const items: Json[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    const [[action, target]] = Object.entries<Json>(lines[i]) as [[string, Json]];
    const fault = itemFault?.(target._id, target._index);
    if (action === 'delete') {
      const answer = fault ?? remove(memory, target);
      items.push({ delete: { ...answer.body, status: answer.status } });
      continue;
    }
    i += 1;
    const answer = fault ?? write(memory, action, target, lines[i]);
    items.push({ [action]: { ...answer.body, _index: target._index, status: answer.status } });
  }
  return { status: 200, body: { items, errors: items.some((item) => Object.values<Json>(item)[0].error) } };
}

function remove(memory: Memory, { _index, _id, if_seq_no: ifSeqNo }: Json): DoubleAnswer {
  const present = memory.indices.get(_index)?.documents.get(_id);
  if (ifSeqNo !== undefined && present?.seqNo !== ifSeqNo)
    return { status: 409, body: error('version_conflict_engine_exception') };
  if (!memory.indices.has(_index)) return missing;
  memory.remove(_index, _id);
  return present
    ? { status: 200, body: { result: 'deleted' } }
    : { status: 404, body: { result: 'not_found' } };
}

function write(memory: Memory, action: string, target: Json, body: Json): DoubleAnswer {
  const present = memory.indices.get(target._index)?.documents.get(target._id);
  if (action === 'update' && !present && !memory.indices.has(target._index)) return missing;
  if (action === 'update' && !present) return { status: 404, body: error('document_missing_exception') };
  return memory.put(target._index, target._id ?? `auto-${Math.random()}`, {
    source: action === 'update' ? merged(present!.source, body.doc) : body,
    ifSeqNo: target.if_seq_no,
    isCreate: action === 'create',
  });
}

/** A partial document over a whole one: objects are merged, anything else is replaced. */
function merged(whole: Json, part: Json): Json {
  const isObject = (value: Json): boolean =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const result = { ...whole };
  for (const [name, value] of Object.entries<Json>(part)) {
    result[name] = isObject(value) && isObject(whole[name]) ? merged(whole[name], value) : value;
  }
  return result;
}
