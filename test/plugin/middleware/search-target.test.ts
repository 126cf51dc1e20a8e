import { describe, expect, it } from 'vitest';
import { searchTarget } from '../../../plugin/middleware/search-target.ts';

describe('searchTarget', () => {
  it.each([
    ['/articles/_search', 'search', 'articles'],
    ['/articles/_search/', 'search', 'articles'],
    ['/articles/_search//', 'search', 'articles'],
    ['articles/_search', 'search', 'articles'],
    ['/articles/_msearch/', 'msearch', 'articles'],
    ['/a%2Cb,c/_search', 'search', 'a,b,c'],
    ['/%3Clogs-%7Bnow%2Fd%7D%3E/_search', 'search', '<logs-{now/d}>'],
    ['/_all/_search', 'search', '_all'],
    ['/_search', 'search', undefined],
    ['/_msearch/', 'msearch', undefined],
    // Both servers take an empty name for none.
    ['//_search', 'search', undefined],
    ['/articles/_search/template/', 'other', 'articles'],
    ['/articles/_msearch/template', 'other', 'articles'],
    ['/_search/template', 'other', undefined],
    ['/articles/_async_search/', 'other', 'articles'],
    ['/articles/_doc/_search', 'other', 'articles'],
  ])('reads %s as %s of %s', (path, kind, index) => {
    expect(searchTarget(path)).toEqual({ kind, ...(index !== undefined && { index }) });
  });

  it.each([
    '/articles/_count',
    '/articles/_search/scroll',
    '/_search/scroll',
    '/_search/point_in_time',
    '/articles/_search_shards',
    '/articles/_doc/_search/x',
    '/articles//_search',
    // Both servers compare their own names as they stand.
    '/articles/%5Fsearch',
    '/_tasks/_search',
    '/products-%zz/_search',
    '/articles',
    '/',
    '',
  ])('takes %s for no search', (path) => {
    expect(searchTarget(path)).toBeUndefined();
  });
});
