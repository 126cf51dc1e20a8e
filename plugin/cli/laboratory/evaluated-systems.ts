/** The systems of `--rerankers`: orders of the model that was asked for, and its default order at other depths. */
import { ConfigurationError, type Reranker } from '../../../engine/index.ts';
import {
  type System,
  type SystemName,
  type Systems,
  systemNames,
  systemsOver,
} from '../../../engine/laboratory.ts';
import { type FormSettings, modelForm } from '../../compose/index.ts';

/**
 * A name of `--rerankers`. `depth-6` is `default` with the encoder at depth 6, `drop-25` with a quarter of the documents
 * read, `stop-30` with reading stopped at that risk of another page, the lists of both cold.
 */
export type EvaluatedName = SystemName | FormName;

/** Systems over rerankers that are open. */
export interface OpenSystems {
  /** Systems by name, in the order in which they were asked for. */
  readonly systems: Readonly<Record<string, System>>;
  /** Frees the rerankers. */
  close(): Promise<void>;
}

/** The default order of a form of the model; see {@link modelForm}. */
export type FormName = `${'depth' | 'drop' | 'stop'}-${string}`;

/** The system of a name. @throws RangeError when there is none. */
export function knownSystem(name: string): EvaluatedName {
  const known = systemNames.find((each) => each === name);
  if (known) return known;
  if (modelForm(name)) return name as FormName;
  throw new RangeError(
    `expected ${systemNames.join(', ')}, depth-N, drop-PERCENT, stop-PERCENT, got ${JSON.stringify(name)}`,
  );
}

/**
 * Opens a reranker for each form, and gives the systems over them.
 *
 * @param open - Opens the model in a form; `{}` is the whole one.
 * @throws ConfigurationError when a system reads states and the model keeps none, or the model has no such form.
 */
export async function openSystems(
  names: readonly EvaluatedName[],
  open: (form: FormSettings) => Promise<Reranker>,
): Promise<OpenSystems> {
  const opened = new Map<string, { readonly reranker: Reranker; readonly systems: Systems }>();
  const over = async (form: FormSettings): Promise<Systems> => {
    const name = JSON.stringify(form);
    const known = opened.get(name);
    if (known) return known.systems;
    const reranker = await open(form);
    const systems = systemsOver(reranker);
    opened.set(name, { reranker, systems });
    return systems;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...opened.values()].map(({ reranker }) => reranker.close()));
  };
  try {
    const systems: Record<string, System> = {};
    for (const name of names) {
      const form = modelForm(name);
      systems[name] = form ? (await over(form)).default : systemOf(await over({}), name as SystemName);
    }
    return { systems, close };
  } catch (error) {
    await close();
    throw error;
  }
}

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
