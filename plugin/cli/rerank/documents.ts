/** Reads documents from text: JSON, JSON lines, or one document a line. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { z } from 'zod';
import { ConfigurationError, type ConfigurationIssue, decodeText, onAbort } from '../../../engine/index.ts';
import { check } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import type { GivenDocument } from './documents-adapter.ts';

/** The format in which a text holds documents. */
export type DocumentsFormat = 'json' | 'jsonl' | 'txt';

const identifier = z.union([z.string(), z.number()], { error: 'expected text or a number' });
const documentShape = z.union(
  [
    z.string(),
    z.looseObject({
      id: identifier.optional(),
      docId: identifier.optional(),
      title: z.string().optional(),
      text: z.string(),
      score: z.number().optional(),
    }),
  ],
  { error: 'expected text, or an object {id, title, text, score} of which text is required' },
);

/**
 * Reads documents from a file; `-` is standard input.
 *
 * @throws ConfigurationError when the file cannot be read, or listing every entry that is no document.
 */
export async function readDocuments(path: string, context: CliContext): Promise<GivenDocument[]> {
  if (path === '-') {
    const text = decodeText(await readStream(context.stdin, context.signal), 'documents from standard input');
    return parseDocuments(text, formatOfText(text), 'standard input');
  }
  const text = await readTextFile(path, 'documents');
  const format = formats[extname(path).toLowerCase()] ?? formatOfText(text);
  return parseDocuments(text, format, path);
}

/**
 * A file's text, in UTF-8 or UTF-16. @throws ConfigurationError when the file cannot be read, or is in neither
 * encoding.
 */
export async function readTextFile(path: string, what: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const message = cause.code === 'ENOENT' ? 'no such file' : `cannot be read (${cause.code})`;
    throw new ConfigurationError(`Cannot read ${what} "${path}"`, [{ path: '', message }], { cause });
  });
  return decodeText(bytes, `${what} "${path}"`);
}

/** Parses documents. @throws ConfigurationError listing every entry that is no document. */
export function parseDocuments(text: string, format: DocumentsFormat, name: string): GivenDocument[] {
  const entries = format === 'json' ? jsonEntries(text, name) : lineEntries(text, format);
  const issues: ConfigurationIssue[] = [];
  const documents = entries.flatMap(({ at, value }, i) => {
    const checked =
      value === undefined
        ? { issues: [{ path: at, message: 'not JSON' }] }
        : check(documentShape, value, [at]);
    if (checked.issues) issues.push(...checked.issues);
    return checked.issues ? [] : [toDocument(checked.value, i)];
  });
  if (issues.length > 0) throw new ConfigurationError(`Cannot read documents from ${name}`, issues);
  return documents;
}

const formats: Readonly<Record<string, DocumentsFormat>> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.txt': 'txt',
};

function formatOfText(text: string): DocumentsFormat {
  const first = text.trimStart()[0];
  if (first === '[') return isJson(text) ? 'json' : 'txt';
  return first === '{' ? 'jsonl' : 'txt';
}

interface Entry {
  readonly at: string;
  readonly value: unknown;
}

function lineEntries(text: string, format: DocumentsFormat): Entry[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '') return [];
    return [{ at: `line ${i + 1}`, value: format === 'txt' ? line : parseJson(line) }];
  });
}

function jsonEntries(text: string, name: string): Entry[] {
  const value = parseJson(text);
  if (Array.isArray(value)) return value.map((one, i) => ({ at: `[${i}]`, value: one }));
  const message = `expected a JSON list of documents, got ${value === undefined ? 'no JSON' : typeof value}`;
  throw new ConfigurationError(`Cannot read documents from ${name}`, [{ path: '', message }]);
}

function isJson(text: string): boolean {
  return parseJson(text) !== undefined;
}

/** The value, or `undefined`, which no JSON text spells. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toDocument(value: z.infer<typeof documentShape>, i: number): GivenDocument {
  if (typeof value === 'string') return { docId: String(i + 1), text: value };
  const { id, docId, title, text, score, ...fields } = value;
  return {
    docId: String(id ?? docId ?? i + 1),
    ...(title !== undefined && { title }),
    text,
    ...(score !== undefined && { firstStageScore: score }),
    ...(Object.keys(fields).length > 0 && { fields }),
  };
}

async function readStream(stream: CliContext['stdin'], signal: AbortSignal): Promise<Buffer> {
  const forget = onAbort(signal, () => void stream.destroy(signal.reason as Error));
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Buffer));
  forget();
  return Buffer.concat(parts);
}
