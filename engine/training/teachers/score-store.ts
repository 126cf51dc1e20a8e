/** Scores that were computed once, in a file that only grows. */
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { ConfigurationError } from '../../errors.ts';

/** Scores of lists by a digest of all that they depend on. */
export interface ScoreStore {
  /** How many lists have scores. */
  readonly size: number;
  /** The scores of a list; undefined where nobody computed them. */
  get(key: string): Float32Array | undefined;
  /**
   * Keeps scores, at the end of the file. Once it resolves they survive the end of the process, whatever ends it.
   *
   * @throws ConfigurationError when the disk takes no more; what was kept before stays readable.
   */
  put(key: string, scores: Float32Array): Promise<void>;
  /** Closes the file. Closing twice does nothing. */
  close(): Promise<void>;
}

/**
 * Opens a file of scores, a JSON object a line, or begins one. A last line that a process did not finish is cut off. One
 * process at a time writes a file.
 *
 * @throws ConfigurationError naming the line that holds no scores, or the reason why the file cannot be opened.
 */
export async function openScoreStore(path: string): Promise<ScoreStore> {
  const file = await openFile(path);
  try {
    const scores = await readScores(path);
    if ((await file.stat()).size > scores.length) await file.truncate(scores.length);
    return new FileScoreStore(path, file, scores);
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface ReadScores {
  readonly byKey: Map<string, Float32Array>;
  /** Bytes of whole lines. */
  readonly length: number;
}

class FileScoreStore implements ScoreStore {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #byKey: Map<string, Float32Array>;
  #length: number;
  #isOpen = true;
  /** Ends when everything that was given so far is written: lines never mix. */
  #written: Promise<void> = Promise.resolve();

  constructor(path: string, file: FileHandle, { byKey, length }: ReadScores) {
    this.#path = path;
    this.#file = file;
    this.#byKey = byKey;
    this.#length = length;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Float32Array | undefined {
    return this.#byKey.get(key);
  }

  async put(key: string, scores: Float32Array): Promise<void> {
    const line = Buffer.from(`${JSON.stringify({ key, scores: Array.from(scores) })}\n`);
    const own = this.#written.then(() => this.#append(line));
    this.#written = own.catch(() => undefined);
    await own;
    this.#byKey.set(key, scores);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#written;
    await this.#file.close();
  }

  async #append(line: Buffer): Promise<void> {
    try {
      for (let done = 0; done < line.length; ) {
        const { bytesWritten } = await this.#file.write(line, done, line.length - done, this.#length + done);
        done += bytesWritten;
      }
    } catch (cause) {
      throw unusable(this.#path, cause as NodeJS.ErrnoException);
    }
    this.#length += line.length;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    await mkdir(dirname(path), { recursive: true });
    return await open(path, existsSync(path) ? 'r+' : 'w+');
  } catch (cause) {
    throw unusable(path, cause as NodeJS.ErrnoException);
  }
}

/** Line by line: a file may be longer than a string can be. */
async function readScores(path: string): Promise<ReadScores> {
  const byKey = new Map<string, Float32Array>();
  const size = await wholeLines(path);
  if (size === 0) return { byKey, length: 0 };
  const lines = createInterface({ input: createReadStream(path, { end: size - 1 }) });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    const { key, scores } = parseLine(line, path, number);
    byKey.set(key, Float32Array.from(scores));
  }
  return { byKey, length: size };
}

/** Bytes up to the last line's end. */
async function wholeLines(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const part = Buffer.alloc(64 * 1024);
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - part.length);
      const { bytesRead } = await file.read(part, 0, end - start, start);
      const last = part.subarray(0, bytesRead).lastIndexOf(10);
      if (last >= 0) return start + last + 1;
      end = start;
    }
    return 0;
  } finally {
    await file.close();
  }
}

function parseLine(
  line: string,
  path: string,
  number: number,
): { readonly key: string; readonly scores: readonly number[] } {
  let parsed: { readonly key?: unknown; readonly scores?: unknown } | undefined;
  try {
    parsed = JSON.parse(line) as typeof parsed;
  } catch {
    parsed = undefined; // reported with its line below
  }
  const { key, scores } = parsed ?? {};
  if (typeof key === 'string' && Array.isArray(scores) && scores.every(Number.isFinite)) {
    return { key, scores: scores as number[] };
  }
  const message = `expected a key and scores in line ${number}, found ${JSON.stringify(line.slice(0, 80))}; delete the file to compute them anew`;
  throw new ConfigurationError('Cannot read the scores of a teacher', [{ path, message }]);
}

function unusable(path: string, cause: NodeJS.ErrnoException): ConfigurationError {
  const reason = cause.code === 'ENOSPC' ? 'the disk is full' : (cause.code ?? cause.message);
  const message = `expected a file that this process can write, and ${reason}; scores that were kept stay`;
  return new ConfigurationError('Cannot keep the scores of a teacher', [{ path, message }], { cause });
}
