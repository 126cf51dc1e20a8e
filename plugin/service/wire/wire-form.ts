/** The contract of wire forms: how one public API asks, answers and fails. */
import { z } from 'zod';
import type { PassageOptions } from '../../../engine/index.ts';
import type { Answer, Ask, AskedDocument } from '../ask.ts';
import { ServiceFault } from '../fault.ts';
import { type ServedScore, scoreLiteral } from '../served-scores.ts';

/** One API's form. */
export interface WireForm {
  /** Name in metrics and logs. */
  readonly name: string;
  /** Name of the API, for the reference page. */
  readonly title: string;
  /** Paths that speak it. */
  readonly paths: readonly string[];
  /** The body, for the reference page. */
  readonly request: z.ZodType;
  /** The answer, for the reference page. */
  readonly response: z.ZodType;
  /** The body of an error, for the reference page. */
  readonly failure: z.ZodType;
  /** Key of the body's list of documents, which is counted before anything else is checked. */
  readonly listKey: 'documents' | 'texts';
  /** Reads a body. @throws ServiceFault naming every faulty field, never its text. */
  ask(body: unknown): Ask;
  /** The answer's JSON. */
  answer(answer: Answer): string;
  /** An error's status and body. */
  fault(fault: ServiceFault, requestId: string): { readonly status: number; readonly body: object };
}

/** How an API words one error. */
export type FaultWriter = WireForm['fault'];

/** A question or a document. Surrogates that stand alone are replaced, since no tokenizer reads them. */
export const plainText: z.ZodType<string> = z.string().transform((text) => text.toWellFormed());
/**
 * A document's text. A document without text does not make the request fail: `null` is an empty text, a number or a
 * boolean is read as it is written.
 */
export const documentText: z.ZodType<string> = z
  .preprocess(
    (value) => {
      if (value === null) return '';
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
    },
    z.string().transform((text) => text.toWellFormed()),
  )
  .meta({
    type: ['string', 'number', 'boolean', 'null'],
    description: '`null` is an empty text; a number or a boolean is read as it is written.',
  });
/** What to look for, in words. */
export const instruction: z.ZodType<string | null | undefined> = plainText
  .nullish()
  .describe("Read in place of the model's own instruction; a model that reads none refuses the request.");
/** Most documents in the answer. */
export const topN: z.ZodType<number | null | undefined> = z.int().min(1).nullish();
/** A switch that may be absent or null. */
export const flag: z.ZodType<boolean | null | undefined> = z.boolean().nullish();
const tokenLimit = z.int().min(1).nullish();
/** Which sentences of the documents the answer gives. */
export const wantedPassages: z.ZodType<PassageOptions | null | undefined> = z
  .object({ perHit: tokenLimit, maxTokens: tokenLimit, maxTotalTokens: tokenLimit })
  .transform(({ perHit, maxTokens, maxTotalTokens }) => ({
    perHit: perHit ?? undefined,
    maxTokens: maxTokens ?? undefined,
    maxTotalTokens: maxTotalTokens ?? undefined,
  }))
  .nullish();
/** A question: text, or an object that holds one, as Jina has it. */
export const questionText: z.ZodType<string> = z
  .union([plainText, z.object({ text: plainText })])
  .transform((query) => (typeof query === 'string' ? query : query.text));
/** Marks, on the reference page, a field that is accepted and has no effect. */
export function withoutEffect<T extends z.ZodType>(schema: T): T {
  return schema.describe('Accepted; changes nothing.');
}
/** A model's name. */
export const modelName: z.ZodType<string | null | undefined> = z.string().max(256).nullish();

/** The schema of a body as the reference page shows it. */
export function toJsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return json;
}

/** Most complaints that one list is checked for, and that one error tells. */
const maxComplaints = 5;

/**
 * A list. The check of its entries stops after a few faults: a complaint about each of millions would exceed the
 * memory.
 *
 * @param bounds - Fewest and most entries. @defaultValue any number
 */
export function listOf<T>(
  entry: z.ZodType<T>,
  { least = 0, most = Number.MAX_SAFE_INTEGER }: { readonly least?: number; readonly most?: number } = {},
): z.ZodType<T[]> {
  const bounded = z.array(z.unknown()).min(least);
  return (most === Number.MAX_SAFE_INTEGER ? bounded : bounded.max(most))
    .transform((entries, { issues }) => {
      const read: T[] = [];
      for (const [i, one] of entries.entries()) {
        const parsed = entry.safeParse(one, { error: wording });
        if (parsed.success) read.push(parsed.data);
        else issues.push(...parsed.error.issues.map((issue) => toRawIssue(issue, i)));
        if (issues.length > maxComplaints) break;
      }
      return read;
    })
    .meta({ items: toJsonSchema(entry) });
}

function toRawIssue({ message, path }: z.core.$ZodIssue, at: number): z.core.$ZodRawIssue {
  return { code: 'custom', message, path: [at, ...path], input: undefined };
}

/** Reads a body by its schema. @throws ServiceFault */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body, { error: wording });
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const told = issues.slice(0, maxComplaints).map((issue) => `${spelledPath(issue.path)}${issue.message}`);
  const more = issues.length > told.length ? '; and more' : '';
  const kind = issues.every(isEmptyList) ? 'empty' : 'invalid';
  throw new ServiceFault(kind, `Cannot read the request: ${told.join('; ')}${more}.`);
}

const isEmptyList = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'too_small' && issue.origin === 'array';

function spelledPath(path: readonly PropertyKey[]): string {
  const names = path.map((key, i) =>
    typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`,
  );
  return names.length > 0 ? `${names.join('')}: ` : '';
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'a whole number',
  object: 'an object',
  array: 'a list',
};

/** The complaint: the expected type and the value's type; never the value. */
function wording(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue;
  const kind =
    input === null
      ? 'null'
      : Array.isArray(input)
        ? 'a list'
        : input === undefined
          ? 'nothing'
          : typeof input;
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${typeNames[issue.expected] ?? issue.expected}, got ${kind}`;
    case 'too_small':
      return issue.origin === 'array' ? 'expected at least one' : `expected at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `expected at most ${issue.maximum} characters`
        : `expected at most ${issue.maximum}`;
    case 'invalid_union':
      return `expected text or an object with a text, got ${kind}`;
    case 'invalid_value':
      return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    default:
      return undefined;
  }
}

/** Completes an ask with the values of the fields that a form does not have. */
export function toAsk(
  given: Pick<Ask, 'query' | 'documents'> & {
    readonly instruction?: string | null | undefined;
    readonly model?: string | null | undefined;
    readonly topN?: number | null | undefined;
    readonly returnDocuments?: boolean | null | undefined;
    readonly explain?: boolean | null | undefined;
    readonly passages?: PassageOptions | null | undefined;
    readonly refusesTruncation?: boolean | undefined;
  },
): Ask {
  return {
    query: given.query,
    ...(given.instruction && { instruction: given.instruction }),
    documents: given.documents,
    model: given.model ?? undefined,
    topN: given.topN ?? undefined,
    returnDocuments: given.returnDocuments ?? false,
    explain: given.explain ?? false,
    passages: given.passages ?? undefined,
    refusesTruncation: given.refusesTruncation ?? false,
  };
}

/** Turns plain texts into documents. */
export function toDocuments(texts: readonly string[]): AskedDocument[] {
  return texts.map((text) => ({ text }));
}

/** The entries of the answer: the best `topN`. */
export function servedEntries({ ask, scores }: Answer): readonly ServedScore[] {
  return ask.topN === undefined ? scores : scores.slice(0, ask.topN);
}

/**
 * The answer's entries as a JSON list, written without `JSON.stringify`, which writes `1` for `1.0`.
 *
 * @param rest - Further fields of an entry as JSON, starting with a comma; empty for none.
 */
export function entriesJson(
  answer: Answer,
  scoreKey: string,
  rest: (document: AskedDocument, entry: ServedScore) => string,
): string {
  const { documents } = answer.ask;
  const entries = servedEntries(answer).map((entry) => {
    const { index, millionths } = entry;
    return `{"index":${index},"${scoreKey}":${scoreLiteral(millionths)}${rest(documents[index]!, entry)}}`;
  });
  return `[${entries.join(',')}]`;
}

/** A JSON object of fields whose values are JSON already. */
export function objectJson(fields: Readonly<Record<string, string>>): string {
  return `{${Object.entries(fields)
    .map(([key, json]) => `${JSON.stringify(key)}:${json}`)
    .join(',')}}`;
}

/** Tokens that a ranking read; 0 when there was no ranking. */
export function tokensOf({ ranking }: Answer): number {
  return ranking?.usage.tokens ?? 0;
}
