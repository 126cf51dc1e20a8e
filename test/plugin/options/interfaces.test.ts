import { describe, expect, it } from 'vitest';
import { defaultSeparator } from '../../../adapters/document-text.ts';
import { defaultStateField } from '../../../adapters/server.ts';
import { defaultFusionWeight } from '../../../engine/index.ts';
import {
  buildOptions,
  placeOptions,
  stateTextOptions,
  watchOptions,
} from '../../../plugin/options/build-options.ts';
import { indexOptions, statesOptions } from '../../../plugin/options/index-options.ts';
import { installOptions } from '../../../plugin/options/install-options.ts';
import { defaultText, type OptionRow, type OptionTable } from '../../../plugin/options/option.ts';
import {
  diversityOptions,
  orderLimitOptions,
  signalOptions,
} from '../../../plugin/options/order-step-options.ts';
import { listenTlsOptions, proxyOptions, targetTlsOptions } from '../../../plugin/options/proxy-options.ts';
import {
  droppingOptions,
  rerankerOptions,
  routerOptions,
  stateRedisOptions,
  stoppingOptions,
} from '../../../plugin/options/reranker-options.ts';
import {
  awsOptions,
  elasticsearchOptions,
  openSearchOptions,
  tlsOptions,
} from '../../../plugin/options/server-options.ts';
import {
  remoteOptions,
  serviceCacheOptions,
  serviceKeyOptions,
  serviceLogOptions,
  serviceOptions,
  serviceTlsOptions,
} from '../../../plugin/options/service-options.ts';
import {
  breakerOptions,
  duplicateOptions,
  passageOptions,
  smoothingOptions,
  stageCacheOptions,
  stageOptions,
} from '../../../plugin/options/stage-options.ts';
import {
  type DocumentedProperty,
  interfaceProperties,
  propertiesNamed,
} from '../../support/options/interface-properties.ts';

type Subject = readonly [name: string, path: string, table: OptionTable];

const schema = 'plugin/config/schema.ts';
const stage = 'plugin/config/stage-schema.ts';
const service = 'plugin/config/service-schema.ts';
const proxy = 'plugin/config/proxy-schema.ts';
const reranker = 'plugin/config/reranker-schema.ts';

/** Sections of the configuration file: an interface has exactly the keys of its table, in any order. */
const sections: readonly Subject[] = [
  ['RerankerConfig', reranker, rerankerOptions],
  ['DroppingConfig', reranker, droppingOptions],
  ['StoppingConfig', reranker, stoppingOptions],
  ['StateRedisConfig', reranker, stateRedisOptions],
  ['RouterConfig', reranker, routerOptions],
  ['StageConfig', stage, stageOptions],
  ['StageCacheConfig', stage, stageCacheOptions],
  ['StageBreakerConfig', stage, breakerOptions],
  ['SmoothingConfig', stage, smoothingOptions],
  ['DuplicatesConfig', stage, duplicateOptions],
  ['SignalOptions', 'engine/scores/signal-options.ts', signalOptions],
  ['DiversityOptions', 'engine/scores/diversity.ts', diversityOptions],
  ['OrderLimitOptions', 'engine/scores/order-limits.ts', orderLimitOptions],
  ['PassagesConfig', stage, passageOptions],
  ['BreakerConfig', service, breakerOptions],
  ['IndexConfig', schema, indexOptions],
  ['StatesConfig', 'plugin/config/stored-states.ts', statesOptions],
  ['ServerTls', schema, tlsOptions],
  ['AwsSigning', schema, awsOptions],
  ['ProxyConfig', proxy, proxyOptions],
  ['ProxyTargetTls', proxy, targetTlsOptions],
  ['ProxyListenTls', proxy, listenTlsOptions],
  ['ServiceConfig', service, serviceOptions],
  ['ServiceTls', service, serviceTlsOptions],
  ['ServiceKeyConfig', service, serviceKeyOptions],
  ['ServiceCacheConfig', service, serviceCacheOptions],
  ['ServiceLogConfig', service, serviceLogOptions],
  ['RemoteConfig', 'plugin/config/remote-schema.ts', remoteOptions],
];

/** Options of programs: what they share with a section, they say as it does. */
const programs: readonly Subject[] = [
  ['RerankerOptions', 'engine/rerank/reranker-options.ts', rerankerOptions],
  ['DroppingOptions', 'engine/rerank/encoder/dropping.ts', droppingOptions],
  ['StoppingOptions', 'engine/rerank/encoder/stopping.ts', stoppingOptions],
  ['RemoteRerankerOptions', 'engine/remote/remote-options.ts', remoteOptions],
  ['RescoringStageOptions', 'plugin/stage/options.ts', stageOptions],
  ['StageCacheOptions', 'plugin/stage/options.ts', stageCacheOptions],
  ['BreakerOptions', 'plugin/guard/breaker.ts', breakerOptions],
  ['SmoothingOptions', 'engine/scores/smoothing.ts', smoothingOptions],
  ['DuplicateOptions', 'engine/compose/folded-duplicates.ts', duplicateOptions],
  ['PassageOptions', 'engine/passages/passages.ts', passageOptions],
  ['ProxyOptions', 'plugin/proxy/options.ts', proxyOptions],
  ['ProxyReranking', 'plugin/proxy/options.ts', proxyOptions],
];

/** Options that a program takes in another form than a file: code instead of names, or with another default. */
const ofPrograms: readonly string[] = [
  'RerankerOptions.stateCodec',
  'RerankerOptions.threads',
  'RescoringStageOptions.deadlineMs',
  'RescoringStageOptions.cache',
  'RescoringStageOptions.breaker',
  'RescoringStageOptions.passages',
  'ProxyOptions.targetTls',
  'ProxyReranking.indices',
  'ProxyOptions.target',
];

describe('an interface of the configuration', () => {
  it.each(sections)('%s says what the table of its options says', (name, path, table) => {
    const properties = interfaceProperties(path, name);
    expect(properties.map((one) => one.name).sort()).toEqual(Object.keys(table).sort());
    for (const property of properties) {
      const row = table[property.name]!;
      const at = `${name}.${property.name}`;
      expect(property.text, at).toMatch(startingWith(row.help));
      expect(property.isOptional, at).toBe(row.isRequired !== true);
      expectSame(at, property, row);
    }
  });

  it('of a server has the keys of both tables', () => {
    const own = ['ElasticsearchConnection', 'OpenSearchConnection'].map((name) =>
      interfaceProperties(schema, name).map((one) => one.name),
    );
    const shared = interfaceProperties(schema, 'ServerConnection').map((one) => one.name);
    expect([...own[0]!, ...shared].sort()).toEqual(Object.keys(elasticsearchOptions).sort());
    expect([...own[1]!, ...shared].sort()).toEqual(Object.keys(openSearchOptions).sort());
  });
});

describe('the options of a program', () => {
  it.each(programs)('%s have types and defaults of the table', (name, path, table) => {
    const shared = interfaceProperties(path, name).filter((one) => one.name in table);
    expect(shared.length).toBeGreaterThan(0);
    for (const property of shared) {
      const at = `${name}.${property.name}`;
      if (!ofPrograms.includes(at)) expectSame(at, property, table[property.name]!);
    }
  });
});

describe('the options of an adapter', () => {
  it.each<[name: string, row: OptionRow, factor: number]>([
    ['slices', buildOptions.slices, 1],
    ['workers', buildOptions.workers, 1],
    ['intervalMs', watchOptions.interval, 1000],
    ['sweepEveryMs', watchOptions.sweep, 1000],
    ['maxResultWindow', indexOptions.maxResultWindow, 1],
    ['rankWindowSize', installOptions.window, 1],
    ['readTimeoutSeconds', installOptions.readTimeout, 1],
    ['reader', installOptions.reader, 1],
    ['inference', installOptions.inference, 1],
  ])('say the default of %s as the command line does', (name, row, factor) => {
    const told = propertiesNamed('adapters', name).flatMap(({ defaultValue = [] }) => defaultValue);
    expect(told.length).toBeGreaterThan(0);
    const wanted = typeof row.default === 'number' ? factor * row.default : row.default;
    for (const one of told) expect(unquoted(one)).toBe(String(wanted));
  });

  it('are the constants that the command line names', () => {
    expect(placeOptions.stateField.default).toBe(defaultStateField);
    expect(indexOptions.separator.default).toBe(defaultSeparator);
    expect(stateTextOptions.separator.default).toBe(defaultSeparator);
    expect(stageOptions.fusion.otherwise).toContain(String(defaultFusionWeight));
  });
});

describe('the default of a section', () => {
  it.each([
    ['stage.cache', stageOptions.cache, stageCacheOptions],
    ['stage.breaker', stageOptions.breaker, breakerOptions],
    ['service.cache', serviceOptions.cache, serviceCacheOptions],
  ])('%s names those of its keys', (_name, { otherwise }, keys) => {
    const values = Object.entries(keys).map(([key, row]) => `${key} ${(row as OptionRow).default}`);
    expect(otherwise).toBe(values.join(', '));
  });
});

function startingWith(help: string): RegExp {
  const [first = '', ...rest] = help;
  const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^[${escaped(first.toUpperCase())}${escaped(first)}]${escaped(rest.join(''))}`);
}

function expectSame(at: string, { type, text, defaultValue }: DocumentedProperty, row: OptionRow): void {
  if (row.type === 'choice' && row.of) expect(literals(type), at).toEqual([...row.of].sort());
  else if (types[row.type]) expect(type, at).toMatch(types[row.type]!);
  expect(unquoted(defaultValue), at).toBe(row.isRequired ? undefined : unquoted(defaultText(row)));
  if (row.unit === 'milliseconds') expect(text, at).toContain('millisecond');
}

/** Types by name; a section's and code's own type is for the compiler to hold. */
const types: Readonly<Record<string, RegExp>> = {
  text: /^string$/,
  whole: /^number$/,
  number: /^(false \| )?number$/,
  switch: /^boolean$/,
  list: /^readonly (string|\(string \| \w+\))\[\]$/,
  sections: /^readonly \w+\[\]$/,
  quantity: /^number \| string$/,
};

const aliases: Readonly<Record<string, string>> = {
  Device: "'auto' | 'cpu' | 'webgpu' | 'cuda'",
  OnFailure: "'keep-first-stage' | 'throw'",
  RemoteApi: "'cohere' | 'jina' | 'voyage' | 'tei'",
};

function literals(type: string): string[] {
  return (aliases[type] ?? type)
    .split('|')
    .map((one) => one.trim().replaceAll("'", ''))
    .sort();
}

/** A page quotes a name, a terminal does not. */
function unquoted(text: string | undefined): string | undefined {
  return text?.replaceAll(/[`']/g, '').replace(/^ $/, 'a space');
}
