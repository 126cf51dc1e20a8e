/** Tokenizers that the programs of one thread share: a vocabulary takes some megabytes, more than a residual. */
import { readJson } from '../../model/read-json.ts';
import { parseTokenizer, type Tokenizer } from '../../tokenizer/tokenizer.ts';

interface Shared {
  readonly tokenizer: Promise<Tokenizer>;
  users: number;
}

/** By path and content. */
const open = new Map<string, Shared>();

/** A tokenizer that somebody holds. */
export interface HeldTokenizer {
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Lets it go; it is freed when nobody holds it any more. */
  release(): void;
}

/**
 * Reads a `tokenizer.json`, or takes the one that this thread has read already.
 *
 * @param modelDigest - Names the content of the model that it belongs to.
 */
export async function sharedTokenizer(path: string, modelDigest: string): Promise<HeldTokenizer> {
  const key = JSON.stringify([path, modelDigest]);
  const shared = open.get(key) ?? { tokenizer: read(path), users: 0 };
  open.set(key, shared);
  shared.users += 1;
  const release = (): void => {
    shared.users -= 1;
    if (shared.users === 0 && open.get(key) === shared) open.delete(key);
  };
  try {
    return { tokenizer: await shared.tokenizer, release };
  } catch (error) {
    release();
    throw error;
  }
}

const read = async (path: string): Promise<Tokenizer> => parseTokenizer(await readJson(path), path);
