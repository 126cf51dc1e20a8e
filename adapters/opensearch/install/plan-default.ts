/** Plans the pipeline as an index's default, and remembers the default that it replaces. */
import type { PlanStep } from '../../install/index.ts';
import { type BackingIndex, defaultSetting } from './indices.ts';
import type { OpenSearchInstallSettings } from './options.ts';
import { type Planned, part } from './planned.ts';
import type { OpenSearchState } from './state.ts';

/** Plans the default. The plan replaces somebody else's default only by force: searches would skip that pipeline. */
export function planDefault(
  state: OpenSearchState,
  settings: OpenSearchInstallSettings,
  { isForced }: { readonly isForced: boolean },
): Planned {
  const { name, defaultPipelineIndex } = settings;
  if (defaultPipelineIndex === undefined) return { parts: [], steps: [] };
  const behind = state.index?.behind ?? [];
  const other = otherDefaults(state, settings);
  const label = `default of "${defaultPipelineIndex}"`;
  if (behind.length > 0 && other.length === 0) return { parts: [part(label, name, 'unchanged')], steps: [] };
  const differences = other.map(
    ({ index, defaultPipeline }) =>
      `${index}: ${JSON.stringify(defaultPipeline ?? null)} -> ${JSON.stringify(name)}`,
  );
  const foreign = other.filter(({ defaultPipeline }) => defaultPipeline !== undefined);
  return {
    parts: [part(label, name, 'changed', differences)],
    steps: [defaultStep(defaultPipelineIndex, name)],
    blockers: isForced
      ? []
      : foreign.map(({ index, defaultPipeline }) => ({
          path: index,
          message: `this index has "${defaultPipeline}" as its default pipeline, which its searches would go through no more: give --force to replace it (uninstall gives it back), or leave --default-pipeline out`,
        })),
  };
}

/** Makes a pipeline an index's default. */
export function defaultStep(index: string, pipeline: string): PlanStep {
  return {
    does: `make "${pipeline}" the default pipeline of index "${index}"`,
    request: { method: 'PUT', path: settingsPath(index), body: { [defaultSetting]: pipeline } },
  };
}

/** Leaves an index without a default pipeline. */
export function noDefaultStep(index: string): PlanStep {
  return {
    does: `take the default pipeline from index "${index}"`,
    request: { method: 'PUT', path: settingsPath(index), body: { [defaultSetting]: null } },
  };
}

function settingsPath(index: string): string {
  return `/${encodeURIComponent(index)}/_settings`;
}

/** The default pipelines that ours replaces, by index; `''` for an index that has none. */
export function replacedDefaults(
  state: OpenSearchState,
  settings: OpenSearchInstallSettings,
): Record<string, string> {
  if (settings.defaultPipelineIndex === undefined) return {};
  return Object.fromEntries(
    otherDefaults(state, settings).map(({ index, defaultPipeline }) => [index, defaultPipeline ?? '']),
  );
}

function otherDefaults({ index }: OpenSearchState, { name }: OpenSearchInstallSettings): BackingIndex[] {
  return (index?.behind ?? []).filter(({ defaultPipeline }) => defaultPipeline !== name);
}
