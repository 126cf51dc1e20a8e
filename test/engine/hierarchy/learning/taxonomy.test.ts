import { describe, expect, it } from 'vitest';
import {
  ancestors,
  below,
  logData,
  makeTaxonomy,
  parseDistances,
  parseEdges,
  parseLog,
} from '../../../../engine/laboratory.ts';

const edges = (text: string) => parseEdges(text.replaceAll('>', '\t'), 'categories.tsv');

/** Ids above a category with their distances, near ones first. */
const above = (taxonomy: ReturnType<typeof makeTaxonomy>, id: string) => {
  const at = taxonomy.nodes.findIndex((node) => node.id === id);
  const { documents, distances } = ancestors(taxonomy)[at]!;
  return Array.from(documents, (place, i) => [taxonomy.nodes[place]!.id, distances[i]]);
};

describe('a taxonomy', () => {
  it('counts the fewest steps where several ways lead up', () => {
    const taxonomy = makeTaxonomy(edges('child>parent\nclog>sandal\nsandal>shoe\nshoe>wear\nclog>wear\n'));
    expect(above(taxonomy, 'clog')).toEqual([
      ['clog', 0],
      ['sandal', 1],
      ['wear', 1],
      ['shoe', 2],
    ]);
  });

  it('is cut at a root, whose own parents are gone', () => {
    const whole = makeTaxonomy(edges('clog>shoe\nshoe>wear\nhat>wear\nclog>wood'));
    const part = below(whole, 'shoe');
    expect(part.nodes.map(({ id }) => id)).toEqual(['clog', 'shoe']);
    expect(above(part, 'clog')).toEqual([
      ['clog', 0],
      ['shoe', 1],
    ]);
    expect(() => below(whole, 'boat')).toThrow('no category has the id "boat"');
  });

  it.each([
    [
      'a circle',
      () => makeTaxonomy(edges('a>b\nb>c\nc>b')),
      /above themselves: "(b" below "c" below "b|c" below "b" below "c)"/,
    ],
    ['a category above itself', () => makeTaxonomy(edges('a>a')), /"a" below "a"/],
    ['an empty file', () => edges('child>parent\n\n'), /"categories.tsv" has no edges/],
    ['a line without a parent', () => edges('a>b\nc'), /line 2: expected child and parent/],
    [
      'an edge to nowhere',
      () =>
        makeTaxonomy(edges('a>b\na>x\nx>y'), [
          { id: 'a', text: '' },
          { id: 'b', text: '' },
        ]),
      /edges name 2 ids that no category has, such as "x"/,
    ],
    [
      'an id of two categories',
      () =>
        makeTaxonomy(
          [],
          [
            { id: 'a', text: '1' },
            { id: 'a', text: '2' },
          ],
        ),
      /two categories have the id "a"/,
    ],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('a log', () => {
  const log = parseLog('query\tcategory\nflip flops\tsandal\nflip flops\tshoe\nfedora\that', 'log.tsv');

  it('joins the categories of a query with all that stands above them', () => {
    const data = logData(log, makeTaxonomy(edges('sandal>shoe\nshoe>wear\nhat>wear')));
    expect(data.queries.map(({ text }) => text)).toEqual([
      'sandal',
      'shoe',
      'wear',
      'hat',
      'flip flops',
      'fedora',
    ]);
    const { documents, distances } = data.matches[4]!;
    const found = Array.from(documents, (place, i) => [data.documents[place]!.id, distances[i]]);
    expect(Object.fromEntries(found)).toEqual({ sandal: 0, shoe: 0, wear: 1 });
  });

  it('stands alone without a taxonomy', () => {
    const { documents, queries, matches } = logData(log);
    expect([documents.length, queries.length, matches[0]!.documents.length]).toEqual([3, 2, 2]);
  });

  it('refuses categories that the taxonomy does not have, an empty file, and a line that is none', () => {
    expect(() => logData(log, makeTaxonomy(edges('sandal>shoe')))).toThrow(
      /1 lines .* such as "hat" of "fedora"/,
    );
    expect(() => parseLog('', 'log.tsv')).toThrow(/"log.tsv" has no lines/);
    expect(() => parseLog('a\tb\nc', 'log.tsv')).toThrow(/line 2: expected query and category/);
    expect(() => parseDistances('q\td\t-1', 'd.tsv')).toThrow(
      /line 1: expected query, document and a distance/,
    );
  });
});
