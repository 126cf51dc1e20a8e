/** An encoder's query and documents in float32, in 8-bit integers, and one of each. */
import type { RerankerOptions } from '../../engine/index.ts';
import { rounded } from './bench.ts';

/** Name of a form: of query and documents, of the query alone, of both. */
export type QueryForm = 'float32' | 'int8 queries' | 'int8';

/** Options of each form, which are keys of a configuration's section `reranker` too. */
export const queryForms: Readonly<Record<QueryForm, Pick<RerankerOptions, 'precision' | 'queryPrecision'>>> =
  {
    float32: { precision: 'fp32', queryPrecision: 'fp32' },
    'int8 queries': { precision: 'fp32', queryPrecision: 'int8' },
    int8: { precision: 'int8', queryPrecision: 'int8' },
  };

/** The names, in their order. */
export const formNames = Object.keys(queryForms) as readonly QueryForm[];

/** A rounded figure of each form. */
export const inForms = (figure: (name: QueryForm) => number): object =>
  Object.fromEntries(formNames.map((name) => [name, rounded(figure(name))]));
