/**
 * `npm run -s parity -- DIR [cpu|webgpu|cuda [names [float16]]]`: compares this engine with what an official implementation computed.
 * Ends with one JSON line; exits 1 past the tolerances.
 */
import { tolerances } from './compare.ts';
import { runParity } from './run-parity.ts';

const [root, provider = 'cpu', names, computeType = 'float32'] = process.argv.slice(2);
if (!root || !['cpu', 'webgpu', 'cuda'].includes(provider) || !['float32', 'float16'].includes(computeType)) {
  console.error('Usage: npm run -s parity -- DIR [cpu|webgpu|cuda [case names by comma, or all [float16]]]');
  process.exit(2);
}
const differences = await runParity(root, {
  provider: provider as 'cpu',
  computeType: computeType as 'float32',
  ...(names && names !== 'all' ? { names: names.split(',') } : {}),
});
for (const failure of differences.failures) console.error(failure);
console.error(`losses within ${differences.maxLossDifference} (${tolerances.loss} allowed)`);
if (differences.cases === 0) console.error(`no case found under ${root}`);
console.log(JSON.stringify(differences.summary()));
process.exitCode = differences.failures.length > 0 || differences.cases === 0 ? 1 : 0;
