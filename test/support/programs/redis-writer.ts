/** Keeps states in a Redis from a process of its own: `redis-writer.ts URL TEXT…`. */
import { textDigest } from '../../../engine/text-digest.ts';
import { toRerankerOptions } from '../../../plugin/compose/reranker-options.ts';
import { randomNumbers, tinyState } from '../tiny/tiny-states.ts';

const [, , url = '', ...texts] = process.argv;
const { stateSource } = await toRerankerOptions({ stateRedis: { url } });
const states = texts.map((text, i) => {
  const key = { encodingDigest: 'm', textDigest: textDigest(text) };
  return [key, tinyState([3], 8, randomNumbers(i))] as const;
});
await stateSource!.putMany(states);
await stateSource!.close();
