import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReportJson } from '../../../plugin/cli/rerank/rerank-report.ts';
import {
  type AwsAccount,
  type StrictServer,
  type StrictServerOptions,
  startStrictServer,
} from '../../support/doubles/strict-server.ts';
import { type CliOptions, runCli } from '../../support/programs/run-cli.ts';
import { type Certificates, makeCertificates } from '../../support/tiny/certificates.ts';

const hasModel = existsSync(new URL('../../../models/default/model.safetensors', import.meta.url));
if (!hasModel) console.log('test/cli/rerank: skipped, models/default is absent.');

const question = 'person who studies the stars';
const texts = [
  'a veterinarian is a doctor for animals',
  'a chef cooks meals in a restaurant',
  'an astronomer observes planets and galaxies',
];
let folder: string;
let certificates: Certificates;
const opened: StrictServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-rerank-'));
  certificates = await makeCertificates();
});

afterAll(async () => {
  await Promise.all(opened.map((server) => server.close()));
  await certificates.remove();
  await rm(folder, { recursive: true });
});

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

async function start(options: StrictServerOptions): Promise<StrictServer> {
  const server = await startStrictServer({ certificates, ...options });
  opened.push(server);
  return server;
}

async function rerankJson(args: readonly string[], run: CliOptions = {}): Promise<ReportJson> {
  const { code, stdout, stderr } = await runCli(['rerank', ...args, '--json'], run);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as ReportJson;
}

const idsOf = ({ candidates }: ReportJson): string[] => candidates.map(({ docId }) => docId);

describe.skipIf(!hasModel)('blockrank rerank over documents', () => {
  it('prints candidates, timings and usage as JSON', async () => {
    const answer = await rerankJson([question, ...texts]);
    expect(answer.query).toBe(question);
    expect(answer.reranked).toBe(true);
    // Only the astronomer looks at stars.
    expect(answer.candidates[0]).toMatchObject({ rank: 1, docId: '3', firstStageRank: 3, text: texts[2] });
    expect(idsOf(answer).sort()).toEqual(['1', '2', '3']);
    expect(answer.candidates.reduce((sum, { score }) => sum + score!, 0)).toBeCloseTo(1, 6);
    expect(answer.usage).toMatchObject({ statesEncoded: 3, truncatedTokens: 0 });
    expect(answer.timings.totalMs).toBeGreaterThan(0);
  });

  it.each([
    ['lines of text', 'txt', texts.join('\n')],
    ['JSON lines', 'jsonl', texts.map((text, i) => JSON.stringify({ id: `d${i}`, text })).join('\n')],
    [
      'a JSON list',
      'json',
      JSON.stringify(texts.map((text, i) => ({ docId: `d${i}`, title: `Note ${i}`, text, score: 3 - i }))),
    ],
  ])('reads %s from a file and from standard input alike', async (_what, extension, text) => {
    const path = await fileOf(`documents.${extension}`, text);
    const ofFile = await rerankJson([question, '--documents', path]);
    const ofInput = await rerankJson([question], { stdin: text });
    expect(ofFile.candidates[0]?.text).toContain('astronomer');
    expect(ofInput.candidates).toEqual(ofFile.candidates);
  });

  it('keeps ids, titles and scores that documents came with', async () => {
    const documents = [
      { id: 7, title: 'Sky', text: texts[2], score: 1.5 },
      { id: 'b', text: texts[1], score: 1 },
    ];
    const path = await fileOf('scored.json', JSON.stringify(documents));
    const { candidates } = await rerankJson([question, '--documents', path]);
    expect(candidates[0]).toMatchObject({
      docId: '7',
      title: 'Sky',
      firstStageScore: 1.5,
      text: `Sky ${texts[2]}`,
    });
  });

  it('answers an empty list with an empty list', async () => {
    const answer = await rerankJson([question], { stdin: '' });
    expect(answer).toMatchObject({ candidates: [], reranked: false, reason: 'no-hits' });
  });

  it('reranks the window, and gives back topN of it above minScore', async () => {
    const windowed = await rerankJson([question, ...texts, '--window', '2']);
    // The third is behind the window and stays there.
    expect(idsOf(windowed)[2]).toBe('3');
    expect(windowed.candidates[2]?.score).toBeUndefined();
    const best = await rerankJson([question, ...texts, '--top-n', '1']);
    expect(idsOf(best)).toEqual(['3']);
    const all = await rerankJson([question, ...texts]);
    const [first, second] = all.candidates.map(({ calibratedScore }) => calibratedScore!);
    const good = await rerankJson([question, ...texts, '--min-score', String((first! + second!) / 2)]);
    expect(idsOf(good)).toEqual(['3']);
  });

  it('explains what the model looked at, in places of the text', async () => {
    const { candidates } = await rerankJson([question, ...texts, '--explain']);
    const { text, explanation } = candidates[0]!;
    const words = explanation!.spans.map(({ start, end }) => text.slice(start, end));
    expect(words).toContain('astronomer');
    const anchors = await rerankJson([question, ...texts, '--explain', '--tier', 'anchor']);
    expect(anchors.candidates[0]?.explanation?.spans).toEqual([]);
  });

  it('computes in 8-bit integers when told', async () => {
    const exact = await rerankJson([question, ...texts]);
    const rounded = await rerankJson([question, ...texts, '--precision', 'int8']);
    expect(idsOf(rounded)[0]).toBe('3');
    expect(rounded.candidates.map(({ score }) => score)).not.toEqual(
      exact.candidates.map(({ score }) => score),
    );
    const mixed = await rerankJson([question, ...texts, '--query-precision', 'int8']);
    expect(idsOf(mixed)[0]).toBe('3');
    for (const other of [exact, rounded])
      expect(mixed.candidates.map(({ score }) => score)).not.toEqual(
        other.candidates.map(({ score }) => score),
      );
  });

  it('prints a table that says how far each document moved, plain when piped', async () => {
    const { code, stdout, stderr } = await runCli(['rerank', question, ...texts]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [head, first] = stdout.split('\n');
    expect(head?.split(/ +/).filter(Boolean)).toEqual(['rank', 'was', 'moved', 'score', 'document', 'text']);
    expect(first).toMatch(/^ +1 +3 +\+2 +[\d.]+ +3 +an astronomer/);
    expect(stdout).not.toContain(String.fromCharCode(27));
  });

  it('lets no document steer the terminal', async () => {
    const { stdout } = await runCli(['rerank', question, 'red \u001b[31m alert\u0007 \u202e', 'two\nlines']);
    for (const character of ['\u001b', '\u0007', '\u202e']) expect(stdout).not.toContain(character);
    expect(stdout).toContain('two lines');
  });

  it('ends with 1 when the deadline has passed, and says what to change', async () => {
    const long = Array.from({ length: 100 }, (_one, i) => `${i} ${texts.join(' ').repeat(8)}`);
    const { code, stdout, stderr } = await runCli(['rerank', question, '--deadline', '1'], {
      stdin: long.join('\n'),
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^blockrank: Reranking exceeded its deadline of 1 ms .*raise deadlineMs.*\n$/);
  });

  it('takes reranker and stage from a configuration file, and options over them', async () => {
    const path = await fileOf(
      'documents.yaml',
      "elasticsearch: { node: 'http://127.0.0.1:1' }\nindex: { name: a, textFields: [b] }\nstage: { topN: 1, explain: true }\n",
    );
    const ofFile = await rerankJson([question, ...texts, '--config', path]);
    expect(ofFile.candidates).toHaveLength(1);
    expect(ofFile.candidates[0]?.explanation).toBeDefined();
    const over = await rerankJson([question, ...texts, '--config', path, '--top-n', '2']);
    expect(over.candidates).toHaveLength(2);
  });
});

// By counted words the film comes first, the circus second, the astronomer third.
const searched = 'which scientist looks at the stars of the night';
const firstStageOrder = ['c', 'a', 'b'];
const fields = ['--index', 'articles', '--field', 'title', '--field', 'body'];

describe.skipIf(!hasModel)('blockrank rerank over a server', () => {
  it('searches Elasticsearch, reranks its hits, and says where they were', async () => {
    const server = await start({ product: 'elasticsearch', authorization: 'ApiKey c2VjcmV0' });
    const args = [searched, '--elasticsearch', server.url, '--ca', certificates.files.ca, ...fields];
    const answer = await rerankJson([...args, '--query-field', 'title^2', '--query-field', 'body'], {
      variables: { BLOCKRANK_API_KEY: 'c2VjcmV0' },
    });
    expect(answer.reranked).toBe(true);
    expect(answer.candidates[0]).toMatchObject({
      docId: 'b',
      firstStageRank: 3,
      text: expect.stringMatching(/^Sky an astronomer/),
    });
    expect(answer.candidates.every(({ firstStageScore }) => Number.isFinite(firstStageScore))).toBe(true);
    expect(server.seen[0]?.body).toMatchObject({
      query: { multi_match: { query: searched, fields: ['title^2', 'body'] } },
    });
  });

  it('searches OpenSearch, signed for AWS with keys of the environment', async () => {
    const aws: AwsAccount = {
      accessKeyId: 'AKID',
      secretAccessKey: 'secret',
      region: 'eu-central-1',
      service: 'es',
    };
    const { url } = await start({ product: 'opensearch', aws });
    const args = [searched, '--opensearch', url, '--ca', certificates.files.ca, ...fields];
    const answer = await rerankJson([...args, '--aws-region', aws.region], {
      variables: { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' },
    });
    expect(idsOf(answer)[0]).toBe('b');
    expect(idsOf(answer).sort()).toEqual(['a', 'b', 'c']);
  });

  it.each(['elasticsearch', 'opensearch'] as const)(
    'composes everything from a configuration file for %s',
    async (product) => {
      const authorization = `Basic ${Buffer.from('app:pass').toString('base64')}`;
      const server = await start({ product, authorization, wantsClientCertificate: true });
      const { ca, clientCert, clientKey } = certificates.files;
      const path = await fileOf(
        `${product}.yaml`,
        `${product}:
  node: ${server.url}
  auth: { username: app, password: '\${SEARCH_PASSWORD}' }
  tls: { ca: ${ca}, cert: ${clientCert}, key: ${clientKey} }
index: { name: articles, textFields: [title, body] }
reranker: { precision: int8, workers: 1, warmUp: false }
stage: { rankWindowSize: 2, fusion: false }
`,
      );
      const answer = await rerankJson([searched, '--config', path], {
        variables: { SEARCH_PASSWORD: 'pass' },
      });
      expect(answer).toMatchObject({ reranked: true, rankWindowSize: 2 });
      // The third is behind the window and stays there.
      expect(idsOf(answer)[2]).toBe(firstStageOrder[2]);
      expect(server.seen[0]?.clientName).toBe('app');
    },
  );

  it('sends a search request of the user', async () => {
    const server = await start({ product: 'elasticsearch' });
    const body = { query: { match: { body: 'stars' } }, size: 2 };
    const path = await fileOf('query.json', JSON.stringify(body));
    const args = [searched, '--elasticsearch', server.url, '--ca', certificates.files.ca, ...fields];
    const answer = await rerankJson([...args, '--query-body', path]);
    expect(answer.candidates).toHaveLength(2);
    expect(server.seen[0]?.body).toMatchObject({ query: body.query });
    const list = await fileOf('list.json', '[]');
    const { code, stderr } = await runCli(['rerank', ...args, '--query-body', list]);
    expect(code).toBe(2);
    expect(stderr).toContain('expected a JSON object');
  });

  it.each([
    ['a certificate that nobody vouches for', [], "give the CA's file as tls.ca (--ca FILE)"],
    ['a missing key', ['--ca', 'CA'], 'check apiKey'],
    ['a missing index', ['--ca', 'CA', '--api-key', 'a', '--index', 'other'], 'index_not_found_exception'],
  ])('ends with 1 and one line for %s', async (_what, more, message) => {
    const { url } = await start({ product: 'elasticsearch', authorization: 'ApiKey a' });
    const args = more.map((one) => (one === 'CA' ? certificates.files.ca : one));
    const { code, stdout, stderr } = await runCli([
      'rerank',
      searched,
      '--elasticsearch',
      url,
      ...fields,
      ...args,
    ]);
    expect(stderr).toMatch(new RegExp(message.replace(/[().]/g, '\\$&'), 'i'));
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('warns on standard error when certificates are not checked', async () => {
    const { url } = await start({ product: 'opensearch' });
    const { code, stdout, stderr } = await runCli([
      'rerank',
      searched,
      '--opensearch',
      url,
      ...fields,
      '--insecure',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('certificate is not checked');
    expect((JSON.parse(stdout) as ReportJson).candidates).toHaveLength(3);
  });

  it.each(['elasticsearch', 'opensearch'])('ends with 1 at the deadline while %s hangs', async (product) => {
    const { url, close } = await startHangingServer();
    const args = ['rerank', searched, `--${product}`, url, ...fields, '--deadline', '100'];
    const { code, stdout, stderr } = await runCli(args);
    close();
    expect(stderr).toMatch(/^blockrank: .*deadline of 100 ms during "first-stage".*\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it.each(['elasticsearch', 'opensearch'])('ends with 130 on Ctrl-C while %s hangs', async (product) => {
    const { url, asked, close } = await startHangingServer();
    const result = await runCli(['rerank', searched, `--${product}`, url, ...fields], {
      interruptAfter: () => asked,
    });
    close();
    expect(result).toEqual({ code: 130, stdout: '', stderr: '' });
  });
});

interface HangingServer {
  readonly url: string;
  /** Settled when somebody asked. */
  readonly asked: Promise<void>;
  close(): void;
}

async function startHangingServer(): Promise<HangingServer> {
  const server = createServer();
  const asked = once(server, 'request').then(() => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
