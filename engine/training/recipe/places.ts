/** Where a recipe's lists are run on this machine. */
import { availableParallelism } from 'node:os';
import { chooseProvider } from '../../session/device.ts';
import type { RunPlaces } from '../trainer/list-runs.ts';
import type { Recipe } from './recipe.ts';

/** Opens the device. @throws InferenceError when one that is named does not open. */
export async function placesOf({ machine, lists }: Pick<Recipe, 'machine' | 'lists'>): Promise<RunPlaces> {
  const provider = await chooseProvider(machine.device);
  const { memoryLimitBytes } = machine;
  if (provider !== 'cpu') return { provider, workers: 1, threads: 1, memoryLimitBytes };
  const cores = availableParallelism();
  const workers = machine.workers ?? Math.min(cores, lists.perStep);
  const threads = machine.threads ?? Math.max(1, Math.floor(cores / workers));
  return { provider, workers, threads, memoryLimitBytes };
}
