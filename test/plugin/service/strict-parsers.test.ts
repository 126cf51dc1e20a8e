/** The parsers that stand in for the search servers refuse what those were seen to refuse. */
import { describe, expect, it } from 'vitest';
import {
  elasticsearchCustomScores,
  elasticsearchHuggingFaceScores,
  openSearchScores,
} from '../../support/checks/strict-parsers.ts';

const cohere = (...scores: string[]): string =>
  `{"results":[${scores.map((score, index) => `{"index":${index},"relevance_score":${score}}`)}]}`;

describe("OpenSearch's parser", () => {
  it.each(['1.0', '0.0', '1e-7', '1E-7', '12.345678901234567'])('reads %s', (score) => {
    expect(openSearchScores(cohere('0.5', score), 2)).toHaveLength(2);
  });

  it.each([
    ['1', 'Integer cannot be cast'],
    ['3000000000', 'Long cannot be cast'],
    ['0.12345678901234567', 'BigDecimal cannot be cast'],
    ['"0.5"', 'cannot be cast'],
    ['null', 'cannot be cast'],
  ])('refuses %s', (score, why) => {
    expect(() => openSearchScores(cohere('0.5', score), 2)).toThrow(why);
  });

  it('refuses fewer results, more results, none, and the same index twice', () => {
    expect(() => openSearchScores(cohere('0.5'), 2)).toThrow('not the same length');
    expect(() => openSearchScores(cohere('0.5', '0.4', '0.3'), 2)).toThrow('not the same length');
    expect(() => openSearchScores('{"results":[]}', 2)).toThrow('null');
    const twice = '{"results":[{"index":0,"relevance_score":0.5},{"index":0,"relevance_score":0.4}]}';
    expect(() => openSearchScores(twice, 2)).toThrow('null');
  });
});

describe("Elasticsearch's parsers", () => {
  it('refuse a wrong root, a wrong count and an unknown field', () => {
    expect(() => elasticsearchCustomScores('[{"index":0,"relevance_score":0.5}]', 1)).toThrow();
    expect(() => elasticsearchCustomScores(cohere('0.5'), 2)).toThrow('mismatch');
    expect(() => elasticsearchHuggingFaceScores('{"results":[]}', 1)).toThrow('START_ARRAY');
    expect(() => elasticsearchHuggingFaceScores('[{"index":0,"score":0.5,"rank":1}]', 1)).toThrow('[rank]');
  });
});
