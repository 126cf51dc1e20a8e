/** A residual in training (LAuReL): learned sums between the frozen layers of an encoder, which start as plain ones. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigurationError, type ConfigurationIssue } from '../../../errors.ts';
import { residualPath, toResidualFile } from '../../../model/residual-file.ts';
import {
  type ResidualForm,
  residualInputs,
  residualKinds,
  residualSizes,
  residualStart,
} from '../../../network/residuals.ts';
import type { TrainedTensors, Trainee } from '../../trainer/trainee.ts';
import { type LayerModelOptions, openLayerModel } from '../encoder-layer-model.ts';
import { layersGraph, listAxes, listTokens, toFeeds } from '../encoder-layers.ts';
import { nameResidual } from './name-residual.ts';

/** Options of {@link residualTrainee}. */
export interface ResidualTraineeOptions extends Omit<LayerModelOptions, 'layers'>, Partial<ResidualForm> {}

/** A residual in training. */
export interface ResidualTrainee extends Trainee {
  /** Kind and sizes. */
  readonly form: ResidualForm;
}

/** Name of the residual in the folder that `save` writes. */
const savedName = 'trained';
const defaultForm: ResidualForm = { kind: 'rw+lr', rank: 8, window: 3 };

/**
 * Opens an encoder for the training of a residual; nothing else of it changes.
 *
 * `save` writes the model with the residual `trained` among its residuals; at the full depth it is what the folder is read
 * with. The file `residuals/trained.safetensors` of it serves over the model that it started from, too.
 *
 * @param options - `kind`: @defaultValue `'rw+lr'`; `rank`, at least 1: @defaultValue 8; `window`, at least 1: @defaultValue 3
 * @throws ConfigurationError when a size cannot be or the model has no such depth. @throws ModelFormatError
 */
export async function residualTrainee(options: ResidualTraineeOptions = {}): Promise<ResidualTrainee> {
  const form = checkedForm(options);
  const model = await openLayerModel(options);
  const sizes = residualSizes(model.config);
  const parameters = residualInputs(form, sizes);
  return {
    ...layersGraph(model, { residual: { form, parameters: (name) => parameters[name]! } }),
    form,
    parameters,
    tensors: residualStart(form, sizes),
    fusionWeight: () => model.fusionWeight,
    folder: model.weights.folder,
    feeds: (list) => toFeeds(list, model),
    tokens: listTokens,
    axes: listAxes,
    async save(folder: string, tensors: TrainedTensors) {
      await cp(model.path, folder, { recursive: true });
      if (model.depth === model.fullDepth) await nameResidual(folder, savedName);
      const path = residualPath(folder, savedName);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, toResidualFile(tensors, form, model));
    },
    async close() {},
  };
}

function checkedForm({
  kind = defaultForm.kind,
  rank = defaultForm.rank,
  window = defaultForm.window,
}: Partial<ResidualForm>): ResidualForm {
  const issues: ConfigurationIssue[] = [];
  if (!residualKinds.includes(kind)) {
    issues.push({
      path: 'kind',
      message: `expected one of ${residualKinds.join(', ')}, got ${String(kind)}`,
    });
  }
  for (const [path, size] of Object.entries({ rank, window })) {
    if (Number.isInteger(size) && size >= 1) continue;
    issues.push({ path, message: `expected a whole number of at least 1, got ${String(size)}` });
  }
  if (issues.length > 0) throw new ConfigurationError('Cannot train a residual', issues);
  return { kind, rank, window };
}
