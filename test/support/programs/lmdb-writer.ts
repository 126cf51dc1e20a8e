/** Writes states into a folder until it is killed, and says which ones are kept. */
import { lmdbSource } from '../../../engine/index.ts';

const [, , folder = '', first = '0'] = process.argv;
const source = lmdbSource({ folder });
for (let i = Number(first); ; i += 1) {
  const anchors = new Float32Array(4).fill(i);
  const key = { encodingDigest: 'm', textDigest: String(i) };
  await source.putMany([[key, { width: 4, blockTokens: [3], anchors, truncatedTokens: 0 }]]);
  process.stdout.write(`${i}\n`);
}
