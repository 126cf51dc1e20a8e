/** Puts states into documents that an application is about to write with its own client. */
import { isObject, type JsonObject } from '../../cluster/json.ts';
import { defaultStateField, sidecarIndex } from '../../stored-states/names.ts';
import type { StatePlace } from '../../stored-states/places.ts';
import type { MadeState } from '../place/contract.ts';
import { makeStates } from '../place/made-state.ts';
import { readText } from '../place/read-text.ts';
import { asItIs, type PlannedStep, planStep } from './bulk.ts';
import type {
  IngestAction,
  IngestedBulk,
  IngestedDocument,
  IngestedStream,
  IngestOptions,
  IngestTarget,
  StateIngest,
} from './contract.ts';
import { IngestIndices } from './indices.ts';
import { ingestedItems } from './items.ts';
import { type BulkLine, type BulkStep, toSteps } from './lines.ts';

/**
 * Opens an ingest helper.
 *
 * @throws ConfigurationError when no text can be made.
 *
 * @example
 * const ingest = stateIngest({ maker, place: { kind: 'field' }, fields: ['title', 'body'] });
 * await ingest.prepare(stateCalls(client, 'elasticsearch'), 'articles');
 * const { operations, ownItems } = await ingest.bulk([{ index: { _index: 'articles', _id: '1' } }, article]);
 * const { items } = ownItems(await client.bulk({ operations }));
 */
export function stateIngest(options: IngestOptions): StateIngest {
  const ingest = new Ingest(options);
  return {
    async prepare(calls, ...indices) {
      for (const index of indices) await ingest.indices.prepare(calls, index);
    },
    document: (target, source) => ingest.document(target, source),
    bulk: (
      operations: readonly unknown[] | string | Uint8Array,
      rest?: { readonly index?: string | undefined },
    ) => ingest.bulk(operations, rest?.index) as Promise<never>,
    documents: (source, actionOf) => ingest.documents(source, actionOf as (document: object) => IngestAction),
  };
}

class Ingest {
  readonly indices: IngestIndices;
  readonly #options: IngestOptions;
  readonly #place: StatePlace;
  readonly #text: ReturnType<typeof readText>;

  constructor(options: IngestOptions) {
    const { place, maker } = options;
    this.#options = options;
    this.#place = place.kind === 'field' ? { ...place, field: place.field ?? defaultStateField } : place;
    this.#text = readText(options);
    this.indices = new IngestIndices(place, { text: this.#text, maker });
  }

  async document({ index, id, routing }: IngestTarget, source: object): Promise<IngestedDocument> {
    const target = { _index: index, _id: id, routing };
    if (this.indices.concreteOf(index) === undefined) {
      throw new TypeError(`document: expected an index that was prepared, got "${index}".`);
    }
    const [planned] = await this.#planned([{ kind: 'index', target, action: {}, body: source }], undefined);
    const { own, added } = planned!;
    const document = own[1] as JsonObject;
    const [action, state] = added[0] ?? [];
    if (!action || !state) return { document };
    const { _index, ...rest } = (action as { index: { _index: string; _id: string; routing?: string } })
      .index;
    const { _id, ...routed } = rest;
    return { document, state: { index: _index, id: _id, ...routed, document: state as JsonObject } };
  }

  async bulk(
    operations: readonly unknown[] | string | Uint8Array,
    index: string | undefined,
  ): Promise<IngestedBulk<BulkLine>> {
    const isLines = typeof operations === 'string' || operations instanceof Uint8Array;
    const areLines = isLines || operations.every((line) => typeof line === 'string');
    const planned = await this.#planned(toSteps(operations), index);
    const lines = planned.flatMap(({ own, added }) => [...own, ...added.flat()]);
    return {
      operations: areLines
        ? lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
        : lines,
      states: planned.reduce((sum, { states }) => sum + states, 0),
      ...ingestedItems(planned.flatMap(({ added }) => [true, ...added.map(() => false)])),
    };
  }

  documents(
    source: Iterable<object> | AsyncIterable<object>,
    actionOf: (document: object) => IngestAction,
  ): IngestedStream {
    const actions = new WeakMap<object, object>();
    const batch = this.#options.batch ?? 64;
    const complete = async (documents: readonly object[]): Promise<readonly object[]> => {
      const steps = documents.map((document) => stepOf(document, actionOf(document)));
      const planned = await this.#planned(steps, undefined);
      const pairs = planned.flatMap(({ own, added }) => [own, ...added]);
      return pairs.map(([action, body = {}]) => {
        actions.set(body as object, action as object);
        return body as object;
      });
    };
    async function* datasource(): AsyncGenerator<object> {
      let documents: object[] = [];
      for await (const document of source) {
        documents.push(document);
        if (documents.length < batch) continue;
        yield* await complete(documents);
        documents = [];
      }
      yield* await complete(documents);
    }
    return { datasource: datasource(), onDocument: (document) => actions.get(document as object) as never };
  }

  async #planned(steps: readonly BulkStep[], index: string | undefined): Promise<readonly IngestedStep[]> {
    const planned = steps.map((step) => this.#plan(step, index));
    const states = await this.#encode(planned.flatMap(({ texts }) => texts));
    let at = 0;
    return planned.map(({ texts, own, added }) => {
      const mine = states.slice(at, at + texts.length);
      at += texts.length;
      return { own: own(mine), added: added(mine), states: mine.length };
    });
  }

  #plan(step: BulkStep, defaultIndex: string | undefined): PlannedStep {
    const name = step.target['_index'] ?? defaultIndex;
    const concrete = typeof name === 'string' ? this.indices.concreteOf(name) : undefined;
    if (concrete === undefined) return asItIs(step);
    const place = this.#place;
    const index = place.kind === 'sidecar' ? sidecarIndex(concrete, place.generation) : concrete;
    return planStep(step, place, { text: this.#text, index });
  }

  async #encode(texts: readonly string[]): Promise<readonly MadeState[]> {
    const { maker, batch = 64 } = this.#options;
    const states: MadeState[] = [];
    for (let at = 0; at < texts.length; at += batch) {
      states.push(...(await makeStates(maker, texts.slice(at, at + batch))));
    }
    return states;
  }
}

interface IngestedStep {
  readonly own: readonly BulkLine[];
  readonly added: readonly (readonly BulkLine[])[];
  readonly states: number;
}

/** A helper's update is no whole document, so it gets no state. */
function stepOf(document: object, action: IngestAction): BulkStep {
  const [entry] = Object.entries(action);
  const [kind = '', target] = entry ?? [];
  if (!isObject(target))
    throw new TypeError('documents: expected an action, such as { index: { _index, _id } }.');
  const isLeft = kind !== 'index' && kind !== 'create';
  return {
    kind: kind as BulkStep['kind'],
    target: isLeft && kind !== 'delete' ? {} : target,
    action,
    body: document,
  };
}
