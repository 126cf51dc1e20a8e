import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, type ConfigurationIssue } from '../../../engine/index.ts';
import { loadConfig, loadServeConfig, parseConfig } from '../../../plugin/config/index.ts';

const smallest = `
elasticsearch: { node: 'https://search.example:9200' }
index: { name: articles, textFields: [title, body] }
`;

function issuesOf(text: string, env: Record<string, string> = {}): readonly ConfigurationIssue[] {
  try {
    parseConfig(text, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).issues;
  }
  throw new Error('expected the configuration to be refused');
}

describe('parseConfig', () => {
  it('fills in the sections that a file leaves out', () => {
    const config = parseConfig(smallest, {});
    expect(config.reranker).toEqual({});
    expect(config.stage).toEqual({});
    expect(config.index.textFields).toEqual(['title', 'body']);
  });

  it('takes fields apart as texts and as sections, and says where one cannot be', () => {
    const withFields = (fields: string): string =>
      smallest.replace('[title, body]', `[title, body], fieldsApart: ${fields}`);
    const fields = ['title^2', 'reviews[]', { name: 'body', weight: 0.5, each: true }];
    expect(parseConfig(withFields(JSON.stringify(fields)), {}).index.fieldsApart).toEqual(fields);
    for (const wrong of ['"title^0"', '"ti*"', '{ name: a, weight: 0 }', '{ weight: 2 }']) {
      const paths = issuesOf(withFields(`[${wrong}]`)).map(({ path }) => path);
      expect(paths.every((path) => path.startsWith('index.fieldsApart'))).toBe(true);
    }
  });

  it('takes every key that is documented', () => {
    const config = parseConfig(
      `
opensearch:
  node: https://search.example
  aws: { region: eu-central-1, service: aoss, profile: search, accessKeyId: a, secretAccessKey: b, sessionToken: c }
  tls: { ca: ca.pem, cert: c.pem, key: k.pem, passphrase: p, insecure: true }
  maxRetries: 0
  requestTimeoutMs: 500
index: { name: articles, textFields: [body], queryFields: [title^2], separator: ' | ', highlight: true, maxResultWindow: 500, signals: [price, author.name] }
reranker:
  { model: m, precision: int8, queryPrecision: fp32, tier: anchor, workers: 2, threads: 1, maxDocumentTokens: 96, maxQueryTokens: 16, stateCacheBytes: 0, stateFolder: s, stateRedis: { url: 'rediss://cache.example', prefix: p, ttlMs: 5 }, stateCodec: 'tokens-int8:32', warmUp: false }
stage:
  { rankWindowSize: 50, topN: 10, minScore: 0.1, deadlineMs: 300, onFailure: throw, explain: true, cache: { maxEntries: 5, ttlMs: 1000 }, breaker: { consecutiveFailures: 2, halfOpenAfterMs: 100 }, fusion: 0.3 }
`,
      {},
    );
    expect(config.stage).toEqual({
      rankWindowSize: 50,
      topN: 10,
      minScore: 0.1,
      deadlineMs: 300,
      onFailure: 'throw',
      explain: true,
      cache: { maxEntries: 5, ttlMs: 1000 },
      breaker: { consecutiveFailures: 2, halfOpenAfterMs: 100 },
      fusion: 0.3,
    });
    expect(config.opensearch?.aws?.service).toBe('aoss');
    expect(config.index?.signals).toEqual(['price', 'author.name']);
  });

  it('reports every problem at once, with its path and the accepted values', () => {
    const issues = issuesOf(`
elasticsearch:
  node: search.example
  auth: { username: elastic }
  tls: { cert: c.pem }
  compatibleWith: 7
index: { textFields: [], colour: red }
reranker: { precision: fp8, workers: 0, tier: 3 }
stage: { onFailure: panic, minScore: 2, deadlineMs: 0, cache: { maxEntries: few }, fusion: yes please }
shards: 3
`);
    const told = Object.fromEntries(issues.map(({ path, message }) => [path, message]));
    expect(told).toEqual({
      'elasticsearch.node': 'expected an address such as https://search.example:9200',
      'elasticsearch.auth': 'expected apiKey, or username and password, or bearer',
      'elasticsearch.tls.key': 'required beside cert',
      'elasticsearch.compatibleWith': 'expected 8 or 9',
      'index.name': 'expected text, required',
      'index.textFields': 'expected a list that is not empty, got []',
      'index.colour':
        'unknown key; accepted: name, textFields, queryFields, separator, highlight, maxResultWindow, signals, fieldsApart, states',
      'reranker.precision': 'expected "fp32", "int8" or "fp16", got "fp8"',
      'reranker.workers': 'expected at least 1, got 0',
      'reranker.tier': 'expected "tokens" or "anchor", got 3',
      'stage.onFailure': 'expected "keep-first-stage" or "throw", got "panic"',
      'stage.minScore': 'expected at most 1, got 2',
      'stage.deadlineMs': 'expected more than 0, got 0',
      'stage.cache.maxEntries': 'expected a number, got "few"',
      'stage.fusion': 'expected false, or a number in [0, 1]',
      shards: 'unknown key; accepted: elasticsearch, opensearch, index, reranker, stage, service, proxy',
    });
  });

  it.each([
    ['neither server', 'index: { name: a, textFields: [b] }'],
    ['two servers', `${smallest}\nopensearch: { node: 'https://b.example' }`],
  ])('refuses %s', (_what, text) => {
    expect(issuesOf(text)).toEqual([
      { path: '', message: 'expected exactly one of elasticsearch and opensearch' },
    ]);
  });

  it('reports what is wrong between keys beside what is wrong inside them', () => {
    const issues = issuesOf(
      `${smallest}\nopensearch: { node: b, aws: { region: 3, accessKeyId: a }, auth: { bearer: t } }`,
    );
    expect(issues.map(({ path }) => path).sort()).toEqual([
      '',
      'opensearch',
      'opensearch.aws.region',
      'opensearch.aws.secretAccessKey',
      'opensearch.node',
    ]);
  });

  it('says line and column of what is no YAML', () => {
    const issues = issuesOf('index: { name: [ }\nindex: 3');
    expect(issues.length).toBeGreaterThan(0);
    expect(issues[0]?.message).toMatch(/line 1, column \d+/);
  });

  it('never shows a secret of the wrong type', () => {
    const issues = issuesOf(`${smallest.replace("9200' }", "9200', auth: { apiKey: 12345678 } }")}`);
    expect(issues).toContainEqual({ path: 'elasticsearch.auth.apiKey', message: 'expected text' });
    expect(JSON.stringify(issues)).not.toContain('12345678');
  });

  it.each([
    ['service.keys', "service: { keys: 'k-12345678-12345678' }"],
    ['service.keys', 'service: { keys: { tenant: shop, key: k-12345678-12345678 } }'],
    ['service.keys[0]', 'service: { keys: [k-12345678-12345678] }'],
    ['service.models.m.chain[0]', 'service: { models: { m: { chain: [k-12345678] } } }'],
    ['reranker.stateRedis', "reranker: { stateRedis: 'redis://:12345678@cache' }"],
    ['elasticsearch.auth', smallest.replace("9200' }", "9200', auth: k-12345678 }")],
  ])('never shows a secret that stands in the place of %s', (path, text) => {
    const issues = issuesOf(text.includes('index:') ? text : `${smallest}\n${text}`);
    expect(issues.map((issue) => issue.path)).toContain(path);
    expect(JSON.stringify(issues)).not.toContain('12345678');
  });

  it('takes secrets from the environment', () => {
    const text = smallest.replace("9200' }", "9200', auth: { apiKey: '${ES_API_KEY}' } }");
    expect(parseConfig(text, { ES_API_KEY: 'c2VjcmV0' }).elasticsearch?.auth).toEqual({ apiKey: 'c2VjcmV0' });
  });

  it('reports every variable that is not set beside the other problems', () => {
    const text = `
elasticsearch: { node: 'https://\${ES_HOST}', auth: { username: '\${ES_USER}', password: '\${ES_PASSWORD}' } }
index: { name: articles, textFields: [body], fields: 3 }
`;
    expect(
      issuesOf(text, { ES_USER: 'u', ES_PASSWORD: '' }).map(({ path, message }) => `${path}: ${message}`),
    ).toEqual([
      'elasticsearch.node: environment variable ES_HOST is not set; set it, or write ${ES_HOST:-a fallback}',
      'elasticsearch.auth.password: environment variable ES_PASSWORD is empty; set it, or write ${ES_PASSWORD:-a fallback}',
      'index.fields: unknown key; accepted: name, textFields, queryFields, separator, highlight, maxResultWindow, signals, fieldsApart, states',
    ]);
  });

  it('reads a variable as a number or a switch where one is wanted, and as text elsewhere', () => {
    const { service, stage, reranker, index } = parseConfig(
      `
elasticsearch: { node: 'https://search.example:9200' }
index: { name: "\${PORT}", textFields: [body], highlight: "\${ON}" }
stage: { fusion: "\${WEIGHT}", cache: { maxEntries: "\${PORT}" } }
reranker: { warmUp: '\${ON}', batchTokens: '\${NONE:-64}' }
service:
  port: \${PORT}
`,
      { PORT: '8080', ON: 'true', WEIGHT: '.5' },
    );
    expect(service).toEqual({ port: 8080 });
    expect(index).toMatchObject({ name: '8080', highlight: true });
    expect(stage).toEqual({ fusion: 0.5, cache: { maxEntries: 8080 } });
    expect(reranker).toEqual({ warmUp: true, batchTokens: 64 });
  });

  it('reads no text of the file itself as a number, and no variable that spells none', () => {
    const text = `${smallest}service: { port: "\${PORT}", maxQueue: "8" }\n`;
    expect(issuesOf(text, { PORT: 'eighty' })).toEqual([
      { path: 'service.port', message: 'expected a number, got "eighty"' },
      { path: 'service.maxQueue', message: 'expected a number, got "8"' },
    ]);
    expect(issuesOf(`${smallest}service: { port: '\${PORT}' }\n`, { PORT: '99999' })).toEqual([
      { path: 'service.port', message: 'expected at most 65535, got 99999' },
    ]);
  });

  it("takes over what merge keys name, and leaves the author's own sections alone", () => {
    const { reranker, index } = parseConfig(
      `
x-fields: &fields { textFields: [title, body], highlight: true }
x-note: "\${NOT_SET}"
elasticsearch: { node: 'https://search.example:9200' }
index: { <<: *fields, name: articles, highlight: false }
reranker: { precision: int8 }
`,
      {},
    );
    expect(index).toEqual({ name: 'articles', textFields: ['title', 'body'], highlight: false });
    expect(reranker).toEqual({ precision: 'int8' });
    expect(issuesOf(`${smallest}stage: { x-own: 1 }\n`)).toMatchObject([{ path: 'stage.x-own' }]);
  });

  it('names the file whose aliases would unfold without end', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `x-${i}: &a${i} [${i ? `*a${i - 1}, *a${i - 1}, *a${i - 1}` : '1'}]`,
    );
    expect(() => parseConfig(`${levels.join('\n')}\n${smallest}`, {}, 'bomb.yaml')).toThrow(
      /^Cannot use configuration "bomb.yaml": its aliases cannot be unfolded/,
    );
  });

  it('keeps an escaped reference, uses fallbacks, and looks at no value twice', () => {
    const text = `
elasticsearch: { node: 'https://\${HOST:-localhost:9200}' }
index: { name: '$\${kept}', textFields: ['\${FIELD}'] }
`;
    const config = parseConfig(text, { FIELD: '${NOT_A_VARIABLE}' });
    expect(config.elasticsearch?.node).toBe('https://localhost:9200');
    expect(config.index).toEqual({ name: '${kept}', textFields: ['${NOT_A_VARIABLE}'] });
  });
});

describe('loadConfig', () => {
  it('reads paths from the folder of the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-config-'));
    const path = join(folder, 'blockrank.config.yaml');
    await writeFile(
      path,
      `${smallest.replace("9200' }", "9200', tls: { ca: certs/ca.pem, insecure: false } }")}\nreranker: { model: ./model }`,
    );
    const config = await loadConfig(path, {});
    expect(config.elasticsearch?.tls).toEqual({ ca: join(folder, 'certs/ca.pem'), insecure: false });
    expect(config.reranker.model).toBe(join(folder, 'model'));
    await rm(folder, { recursive: true });
  });

  it('reads every path of the service from the folder of the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-config-'));
    const path = join(folder, 'blockrank.config.yaml');
    const member = '{ local: { model: m, stateFolder: s } }';
    await writeFile(
      path,
      `
reranker: { model: m, stateFolder: s }
service:
  tls: { cert: c.pem, key: k.pem, clientCa: ca.pem }
  queryLog: q.jsonl
  models: { one: { chain: [${member}], shadow: ${member} } }
`,
    );
    const { reranker, service } = await loadServeConfig(path, {});
    const local = { model: join(folder, 'm'), stateFolder: join(folder, 's') };
    expect(reranker).toEqual(local);
    expect(service).toEqual({
      tls: { cert: join(folder, 'c.pem'), key: join(folder, 'k.pem'), clientCa: join(folder, 'ca.pem') },
      queryLog: join(folder, 'q.jsonl'),
      models: { one: { chain: [{ local }], shadow: { local } } },
    });
    await rm(folder, { recursive: true });
  });

  it('reads a file in UTF-8 or UTF-16 with its mark, and refuses other bytes by its name', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'blockrank-config-')), 'c.yaml');
    const text = smallest.replace('articles', 'größe');
    for (const bytes of [
      Buffer.from(text),
      Buffer.from(`\ufeff${text}`),
      Buffer.from(`\ufeff${text}`, 'utf16le'),
      Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
    ]) {
      await writeFile(path, bytes);
      expect((await loadConfig(path, {})).index.name).toBe('größe');
    }
    for (const bytes of [Buffer.from(text, 'latin1'), Buffer.from(text, 'utf16le')]) {
      await writeFile(path, bytes);
      await expect(loadConfig(path, {})).rejects.toThrow(
        `Cannot read configuration "${path}": expected UTF-8, or UTF-16 with a byte order mark; line`,
      );
    }
  });

  it('says that a file is not there', async () => {
    await expect(loadConfig('no/such/file.yaml', {})).rejects.toMatchObject({
      code: 'configuration',
      message: 'Cannot use configuration "no/such/file.yaml": no such file',
    });
  });
});
