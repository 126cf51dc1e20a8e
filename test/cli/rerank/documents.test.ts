import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CliContext } from '../../../plugin/cli/context.ts';
import { readDocuments } from '../../../plugin/cli/rerank/documents.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blockrank-documents-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const contextOf = (stdin: Buffer): CliContext =>
  ({
    stdin: Readable.from([stdin.subarray(0, 3), stdin.subarray(3)]),
    signal: new AbortController().signal,
  }) as never;

const forms = {
  'pages.txt': 'Größe\nZwei\n',
  'pages.jsonl': '{"text":"Größe"}\n{"text":"Zwei"}\n',
  'pages.json': '["Größe","Zwei"]',
};
const encodings: Readonly<Record<string, (text: string) => Buffer>> = {
  'UTF-8': (text) => Buffer.from(text),
  'UTF-8 with a mark': (text) => Buffer.from(`\ufeff${text}`),
  'UTF-16LE': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'UTF-16BE': (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
};
const cases = Object.entries(forms).flatMap(([name, text]) =>
  Object.entries(encodings).map(([encoding, toBytes]) => [name, encoding, toBytes(text)] as const),
);

describe('readDocuments', () => {
  it.each(cases)('reads %s in %s, from a file and from standard input', async (name, _encoding, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    for (const from of [path, '-']) {
      const documents = await readDocuments(from, contextOf(bytes));
      expect(documents.map(({ text }) => text)).toEqual(['Größe', 'Zwei']);
    }
  });

  it('refuses bytes of another encoding, from a file and from standard input', async () => {
    const bytes = Buffer.from(forms['pages.txt'], 'latin1');
    const path = join(folder, 'pages.txt');
    writeFileSync(path, bytes);
    const expected = 'expected UTF-8, or UTF-16 with a byte order mark; line 1 holds bytes that are neither';
    await expect(readDocuments(path, contextOf(bytes))).rejects.toThrow(`documents "${path}": ${expected}`);
    await expect(readDocuments('-', contextOf(bytes))).rejects.toThrow(`from standard input: ${expected}`);
  });
});
