/** The systems of `--rerankers`: orders of the model that was asked for, and its default order at other depths. */
import { ConfigurationError, type Reranker } from '../../../engine/index.ts';
import {
  type System,
  type SystemName,
  type Systems,
  systemNames,
  systemsOver,
} from '../../../engine/laboratory.ts';

/** A name of `--rerankers`. `depth-6` is `default` with six layers of the encoder. */
export type EvaluatedName = SystemName | DepthName;

/** Systems over rerankers that are open. */
export interface OpenSystems {
  /** Systems by name, in the order in which they were asked for. */
  readonly systems: Readonly<Record<string, System>>;
  /** Frees the rerankers. */
  close(): Promise<void>;
}

/** A depth's default order. */
export type DepthName = `depth-${number}`;

/** The system of a name. @throws RangeError when there is none. */
export function knownSystem(name: string): EvaluatedName {
  const known = systemNames.find((each) => each === name);
  if (known) return known;
  if (isDepth(name)) return name;
  throw new RangeError(`expected ${systemNames.join(', ')}, depth-N, got ${JSON.stringify(name)}`);
}

/**
 * Opens a reranker for each depth, and gives the systems over them.
 *
 * @param open - Opens the model at a depth; `undefined` is the full one.
 * @throws ConfigurationError when a system reads states and the model keeps none, or the model has no such depth.
 */
export async function openSystems(
  names: readonly EvaluatedName[],
  open: (depth: number | undefined) => Promise<Reranker>,
): Promise<OpenSystems> {
  const opened = new Map<number | undefined, { readonly reranker: Reranker; readonly systems: Systems }>();
  const at = async (depth: number | undefined): Promise<Systems> => {
    const known = opened.get(depth);
    if (known) return known.systems;
    const reranker = await open(depth);
    const systems = systemsOver(reranker);
    opened.set(depth, { reranker, systems });
    return systems;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...opened.values()].map(({ reranker }) => reranker.close()));
  };
  try {
    const systems: Record<string, System> = {};
    for (const name of names) {
      systems[name] = isDepth(name)
        ? (await at(Number(name.slice('depth-'.length)))).default
        : systemOf(await at(undefined), name);
    }
    return { systems, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const isDepth = (name: string): name is DepthName => /^depth-[1-9]\d*$/.test(name);

function systemOf(systems: Systems, name: SystemName): System {
  const system = systems[name];
  if (system) return system;
  throw new ConfigurationError('Cannot evaluate', [
    {
      path: 'rerankers',
      message: `${name} reads states that only encoders of the profile cacheable keep; leave it out`,
    },
  ]);
}
