/**
 * What block states in a search index cost and bring, on real texts and a real server; prints one JSON object.
 *
 * npx tsx scripts/scale/main.ts opensearch|elasticsearch wordnet|hier-wordnet|mixed [FOLDER]
 *
 * FOLDER keeps encoded states (LMDB): a second run over the same texts then measures the way into the index alone.
 */
import { availableParallelism } from 'node:os';
import {
  buildStates,
  type StateMaker,
  type StatePlace,
  type StoredStates,
  sidecarIndex,
  stateCalls,
} from '../../adapters/server.ts';
import { circumstances, rounded } from '../../bench/support/bench.ts';
import { percentile, timed } from '../../bench/support/measure.ts';
import {
  type EncoderReranker,
  lmdbSource,
  openEncoderReranker,
  stateCodec,
  stateMaker,
} from '../../engine/index.ts';
import { readCollection, type ScaleDocument } from './collections.ts';
import { openScaleServer, type ScaleServer } from './server.ts';

const [product = 'opensearch', collection = 'wordnet', folder] = process.argv.slice(2);
const sizes = [100, 500] as const;
const queries = { before: 10, after: 60 };
const codecs = ['anchor-fp16', 'anchor-int8', 'tokens-int8:32', 'tokens-int8', 'tokens-fp16'] as const;
const fields = ['title', 'body'];
const note = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`);

const server = await openScaleServer(product);
try {
  const documents = await readCollection(collection);
  note(`${documents.length} documents`);
  const result = await measure(server, documents);
  const { product: name, version } = server.choice;
  process.stdout.write(
    `${JSON.stringify({ server: `${name} ${version}`, collection, ...circumstances(), ...result })}\n`,
  );
} finally {
  await server.close();
}

async function measure(at: ScaleServer, documents: readonly ScaleDocument[]): Promise<object> {
  await at.fill('documents', documents);
  const plainBytes = await at.bytesOf('documents');
  const words = questionsFrom(documents);
  note('searching without states');
  const forgetful = await openEncoderReranker({ tier: 'anchor', stateCacheBytes: 0 });
  const before = await searches(at, forgetful, { words: words.slice(0, queries.before), states: undefined });
  await forgetful.close();
  const anchors = await openModel('anchor');
  note('building anchors in the documents');
  const build = await timedBuild(at, {
    index: 'documents',
    place: { kind: 'field' },
    codec: 'anchor-fp16',
    model: anchors,
  });
  note(`built: ${JSON.stringify(build)}`);
  const bytes = await at.bytesOf('documents');
  const after = await searches(at, anchors, {
    words: words.slice(0, queries.after),
    states: { kind: 'field' },
  });
  await anchors.close();
  note('a tenth, by codec');
  const tenth = await measureTenth(at, documents.slice(0, Math.ceil(documents.length / 10)));
  return {
    documents: documents.length,
    plainBytesPerDocument: Math.round(plainBytes / documents.length),
    anchorsInDocuments: {
      ...build,
      bytesPerDocument: Math.round((bytes - plainBytes) / documents.length),
      growth: rounded(bytes / plainBytes),
    },
    searchMs: { before, after },
    tenth,
    memoryMiB: {
      process: Math.round(process.resourceUsage().maxRSS / 1024),
      serverHeap: Math.round((await at.heapBytes()) / 2 ** 20),
    },
  };
}

/** What each codec takes in an index beside a tenth of the documents, and what searching with token states takes. */
async function measureTenth(at: ScaleServer, documents: readonly ScaleDocument[]): Promise<object> {
  await at.fill('tenth', documents);
  const plainBytes = await at.bytesOf('tenth');
  const model = await openModel('tokens');
  const figures: Record<string, unknown> = {};
  for (const codec of codecs) {
    const generation = codec.replaceAll(':', '-');
    const place = { kind: 'sidecar', generation } as const;
    const build = await timedBuild(at, { index: 'tenth', place, codec, model });
    const bytes = await at.bytesOf(sidecarIndex('tenth', generation));
    figures[codec] = {
      documentsPerSecond: build.documentsPerSecond,
      bytesPerDocument: Math.round(bytes / documents.length),
    };
    note(`${codec}: ${JSON.stringify(figures[codec])}`);
  }
  await model.close();
  const reader = await openEncoderReranker({ stateCodec: stateCodec('tokens-int8:32'), stateCacheBytes: 0 });
  const states = { kind: 'sidecar', generation: 'tokens-int8-32' } as const;
  const words = questionsFrom(documents).slice(0, queries.after);
  const searchMs = await searches(at, reader, { words, states, index: 'tenth' });
  await reader.close();
  return {
    documents: documents.length,
    plainBytesPerDocument: Math.round(plainBytes / documents.length),
    codecs: figures,
    searchMs,
  };
}

function openModel(tier: 'anchor' | 'tokens'): Promise<EncoderReranker> {
  const stateSource = folder === undefined ? undefined : lmdbSource({ folder: `${folder}/${tier}` });
  return openEncoderReranker({ tier, stateCacheBytes: 0, ...(stateSource && { stateSource }) });
}

interface Build {
  readonly index: string;
  readonly place: StatePlace;
  readonly codec: string;
  readonly model: EncoderReranker;
}

async function timedBuild(
  at: ScaleServer,
  { index, place, codec: name, model }: Build,
): Promise<{ readonly seconds: number; readonly documentsPerSecond: number; readonly encoded: number }> {
  let encoded = 0;
  const made = stateMaker(model, stateCodec(name));
  const maker: StateMaker = {
    ...made,
    encode: async (texts) => {
      // With a folder, what is there already is not encoded again.
      const prepared = folder && (await model.prepare(texts.map((text) => ({ docId: '', text }))));
      encoded += prepared ? prepared.statesEncoded : texts.length;
      return made.encode(texts);
    },
  };
  const calls = stateCalls(at.client, at.choice.product);
  const workers = availableParallelism();
  const options = { calls, index, place, maker, fields, workers, owner: `scale:${process.pid}` };
  let report: Awaited<ReturnType<typeof buildStates>> | undefined;
  const seconds =
    (await timed(async () => {
      report = await buildStates(options);
    })) / 1000;
  if (report!.counts.written !== report!.documents) throw new Error(`written: ${JSON.stringify(report)}`);
  return { seconds: rounded(seconds), documentsPerSecond: rounded(report!.documents / seconds), encoded };
}

interface Searches {
  readonly words: readonly string[];
  readonly states: StoredStates | undefined;
  readonly index?: string;
}

/** Times of searches of each size, one after another. */
async function searches(
  at: ScaleServer,
  reranker: EncoderReranker,
  { words, states, index = 'documents' }: Searches,
): Promise<object> {
  const figures: Record<string, unknown> = {};
  for (const size of sizes) {
    const stage = at.stage(reranker, states, size);
    const times: number[] = [];
    const candidates: number[] = [];
    for (const text of words) {
      const request = at.request(index, text, size);
      let answer: unknown;
      times.push(
        await timed(async () => {
          answer = await stage.search(request, { queryText: text });
        }),
      );
      const { blockrank } = answer as {
        blockrank: { rankWindowSize: number; usage: { statesEncoded: number } };
      };
      candidates.push(blockrank.rankWindowSize);
      if (states && blockrank.usage.statesEncoded > 0)
        throw new Error(`encoded: ${JSON.stringify(blockrank)}`);
    }
    // The first one warms what is used for the first time.
    const counted = times.slice(1);
    figures[size] = {
      p50: rounded(percentile(counted, 0.5)),
      p95: rounded(percentile(counted, 0.95)),
      candidates: rounded(percentile(candidates, 0.5)),
    };
    await stage.close();
  }
  return figures;
}

/** The first words of documents from all over: questions that match many. */
function questionsFrom(documents: readonly ScaleDocument[]): string[] {
  const step = Math.floor(documents.length / queries.after);
  return Array.from({ length: queries.after }, (_, i) => {
    const { title, body } = documents[i * step]!;
    return `the ${`${title} ${body}`.split(/\s+/).slice(0, 10).join(' ')}`;
  });
}
