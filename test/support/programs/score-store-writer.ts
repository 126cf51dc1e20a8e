/** Keeps scores in a file until it is killed, and says which ones are kept. */
import { openScoreStore } from '../../../engine/training/teachers/score-store.ts';

const [, , path = '', first = '0'] = process.argv;
const store = await openScoreStore(path);
for (let i = Number(first); ; i += 1) {
  await store.put(String(i), new Float32Array(50).fill(i / 3));
  process.stdout.write(`${i}\n`);
}
