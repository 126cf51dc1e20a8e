/** Sessions that the programs of one thread share: a graph over the same weights is loaded once. */
import { createHash } from 'node:crypto';
import { type GraphSession, openSession, type SessionOptions } from './runtime.ts';

interface Shared {
  readonly session: Promise<GraphSession>;
  users: number;
}

/** By what was loaded and how. */
const open = new Map<string, Shared>();

/**
 * Loads a graph, or takes the session that this thread has of it: the same bytes, options and weights. It is freed
 * when everyone who took it has released it; releasing twice does nothing.
 *
 * @param weightsDigest - Names the content of the tensors in files; a graph without any has the digest `''`.
 * @throws InferenceError when the runtime refuses it.
 */
export async function openSharedSession(
  model: Uint8Array,
  options: SessionOptions,
  weightsDigest: string,
): Promise<GraphSession> {
  const bytes = createHash('sha256').update(model).digest('hex');
  const key = JSON.stringify([weightsDigest, bytes, Object.entries(options).sort()]);
  const shared = open.get(key) ?? { session: openSession(model, options), users: 0 };
  open.set(key, shared);
  shared.users += 1;
  const letGo = (): boolean => {
    shared.users -= 1;
    if (shared.users > 0) return false;
    return open.delete(key);
  };
  const session = await shared.session.catch((error: unknown) => {
    letGo();
    throw error;
  });
  let isHeld = true;
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    run: (feeds, outputs, into) => session.run(feeds, outputs, into),
    async release() {
      if (!isHeld) return;
      isHeld = false;
      if (letGo()) await session.release();
    },
  };
}
