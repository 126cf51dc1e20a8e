/** The HTTP service under load: what each number of connections gets, and what sharing batches is worth. */
import { atLeast, atMost, type Bench, rounded, threads } from './support/bench.ts';
import { median, medianRatio } from './support/measure.ts';
import { formNames, inForms, type QueryForm, queryForms } from './support/query-forms.ts';
import { type LoadResult, load, type Served, served } from './support/served.ts';
import { passages, question } from './support/texts.ts';

const deadlineMs = 5000;
const connectionCounts = [1, 8, 64, 512];
const documents = 20;
/** In what a crowd is to be answered, by its own clock, in milliseconds. */
const crowdedMs = 1000;
/** What the service is told for that: the way to it and back takes time too where all share two cores. */
const crowdedDeadlineMs = 800;
const crowd = 512;
const secondsEach = 10;

export const service: Bench = {
  about: `POST /v1/rerank of ${documents} known documents from 1 to 512 connections, deadline ${deadlineMs} ms, with 8 and 64 also by precision of query and documents; new documents alone and at once.`,
  async run(note) {
    const running = await served({ deadlineMs, maxQueue: 256, log: { level: 'info' } }, { workers: threads });
    try {
      const results: LoadResult[] = [];
      for (const connections of connectionCounts) {
        note(`${connections} connections`);
        results.push(await load(running, { connections, seconds: secondsEach, documents }));
      }
      note('new documents, one request after another and at once');
      const sharing = await shared(running);
      note(`${crowd} connections, deadline ${crowdedDeadlineMs} ms`);
      const crowded = await loadCrowd();
      note('precision of queries');
      const byQueryPrecision = await loadForms(note);
      const statuses = new Set([...results, crowded].flatMap((one) => Object.keys(one.statuses)));
      const unexpected = [...statuses].filter((status) => !['200', '429', '503'].includes(status));
      const errors = results.reduce((sum, one) => sum + one.errors, 0);
      return {
        figures: {
          loads: results.map(toFigures),
          crowded: toFigures(crowded),
          byQueryPrecision,
          residentMiB: Math.round(running.residentBytes() / 2 ** 20),
          ...sharing.figures,
        },
        checks: [
          atMost('answers but 200, 429, 503', unexpected.length + errors, 0),
          atMost('p99 of accepted requests, ms', Math.max(...results.map((one) => one.p99Ms)), deadlineMs),
          atMost('p99 / p50 of 64 connections', p99OverP50(results, 64), 4),
          atMost('p99 of accepted requests of a crowd, ms', crowded.p99Ms, crowdedMs),
          atLeast('one after another / at once', sharing.ratio, 1),
        ],
      };
    } finally {
      await running.close();
    }
  },
};

/** A service of its own, after questions that tell it how long a ranking takes. */
async function loadCrowd(): Promise<LoadResult> {
  const running = await served({ deadlineMs: crowdedDeadlineMs }, { workers: threads });
  try {
    await load(running, { connections: 8, seconds: 2, documents });
    return await load(running, { connections: crowd, seconds: secondsEach, documents });
  } finally {
    await running.close();
  }
}

/** Rounds in which services of all forms are asked one after another. */
const formRounds = 3;
const formConnections = [8, 64];
const formSeconds = 5;

/** Known documents with query and documents in float32, the query alone in int8, and both: a service each, which take turns. */
async function loadForms(note: (text: string) => void): Promise<object> {
  const services = new Map<QueryForm, Served>();
  try {
    for (const name of formNames)
      services.set(name, await served({ deadlineMs }, { workers: threads, ...queryForms[name] }));
    const figures: Record<string, object> = {};
    for (const connections of formConnections) {
      note(`${connections} connections, by precision of queries`);
      figures[`${connections} connections`] = await loadInTurns(services, connections);
    }
    return {
      ...figures,
      residentMiB: inForms((name) => services.get(name)!.residentBytes() / 2 ** 20),
    };
  } finally {
    await Promise.all([...services.values()].map((each) => each.close()));
  }
}

async function loadInTurns(services: ReadonlyMap<QueryForm, Served>, connections: number): Promise<object> {
  const rates = Object.fromEntries(formNames.map((name) => [name, [] as number[]])) as Record<
    QueryForm,
    number[]
  >;
  for (const one of services.values()) await load(one, { connections, seconds: 1, documents });
  for (let round = 0; round < formRounds; round += 1) {
    // Another one is first each time, as in `alternate`.
    for (let turn = 0; turn < formNames.length; turn += 1) {
      const name = formNames[(round + turn) % formNames.length]!;
      const asked = await load(services.get(name)!, { connections, seconds: formSeconds, documents });
      rates[name].push(asked.answeredPerSecond);
    }
  }
  return {
    answeredPerSecond: inForms((name) => median(rates[name])),
    overFloat32: inForms((name) => medianRatio(rates[name], rates.float32)),
  };
}

function p99OverP50(results: readonly LoadResult[], connections: number): number {
  const { p99Ms, p50Ms } = results.find((one) => one.connections === connections)!;
  return p99Ms / p50Ms;
}

function toFigures({ p50Ms, p99Ms, refusedP99Ms, answeredPerSecond, ...rest }: LoadResult): object {
  return {
    ...rest,
    refusedP99Ms: refusedP99Ms === null ? null : rounded(refusedP99Ms),
    answeredPerSecond: rounded(answeredPerSecond),
    p50Ms: rounded(p50Ms),
    p99Ms: rounded(p99Ms),
  };
}

/** Requests of three new documents each: alone they fill no batch. */
async function shared({ url }: Served): Promise<{ ratio: number; figures: object }> {
  const requests = 48;
  const perRequest = 3;
  const { texts } = passages(requests * perRequest);
  const ask = async (i: number, round: number): Promise<void> => {
    const own = texts.slice(i * perRequest, (i + 1) * perRequest).map((text) => `${round} ${text}`);
    const response = await fetch(`${url}/v1/rerank`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: question(i), documents: own }),
    });
    await response.text();
  };
  const indexes = Array.from({ length: requests }, (_, i) => i);
  const times: { alone: number; together: number }[] = [];
  for (let round = 0; round < 3; round += 1) {
    const started = performance.now();
    for (const i of indexes) await ask(i, 2 * round);
    const between = performance.now();
    await Promise.all(indexes.map((i) => ask(i, 2 * round + 1)));
    times.push({ alone: between - started, together: performance.now() - between });
  }
  const { alone, together } = times.toSorted((a, b) => a.alone / a.together - b.alone / b.together)[1]!;
  return {
    ratio: alone / together,
    figures: {
      newDocuments: { requests, perRequest, aloneMs: rounded(alone), togetherMs: rounded(together) },
    },
  };
}
