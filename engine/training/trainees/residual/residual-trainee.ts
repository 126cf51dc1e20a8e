/** A residual in training (LAuReL): learned sums between the frozen layers of an encoder, which start as plain ones. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError, type ConfigurationIssue } from '../../../errors.ts';
import { toResidualFile } from '../../../model/residual-file.ts';
import {
  type ResidualForm,
  residualInputs,
  residualKinds,
  residualStart,
} from '../../../network/residuals.ts';
import type { TrainedTensors, Trainee } from '../../trainer/trainee.ts';
import { type LayerModelOptions, openLayerModel } from '../encoder-layer-model.ts';
import { layersGraph, toFeeds } from '../encoder-layers.ts';

/** Options of {@link residualTrainee}. */
export interface ResidualTraineeOptions extends Omit<LayerModelOptions, 'layers'>, Partial<ResidualForm> {}

/** A residual in training. */
export interface ResidualTrainee extends Trainee {
  /** Kind and sizes. */
  readonly form: ResidualForm;
  /** The residual's file with these numbers, for `openReranker({ residual })` over the model that it started from. */
  saveFile(path: string, tensors: TrainedTensors): Promise<void>;
}

/** Name of the file in the folder that `save` writes. */
const savedName = 'residual.safetensors';
const defaultForm: ResidualForm = { kind: 'rw+lr', rank: 8, window: 3 };

/**
 * Opens an encoder for the training of a residual; nothing else of it changes.
 *
 * `save` writes a folder with the file `residual.safetensors` alone: it is served over the model that it started from.
 *
 * @param options - `kind`: @defaultValue `'rw+lr'`; `rank`, at least 1: @defaultValue 8; `window`, at least 1: @defaultValue 3
 * @throws ConfigurationError when a size cannot be or the model has no such depth. @throws ModelFormatError
 */
export async function residualTrainee(options: ResidualTraineeOptions = {}): Promise<ResidualTrainee> {
  const form = checkedForm(options);
  const model = await openLayerModel(options);
  const parameters = residualInputs(form, model.config);
  const saveFile = (path: string, tensors: TrainedTensors): Promise<void> =>
    writeFile(path, toResidualFile(tensors, form, model));
  return {
    ...layersGraph(model, { residual: { form, parameters: (name) => parameters[name]! } }),
    form,
    parameters,
    tensors: residualStart(form, model.config),
    folder: model.weights.folder,
    feeds: (list) => toFeeds(list, model),
    saveFile,
    async save(folder, tensors) {
      await mkdir(folder, { recursive: true });
      await saveFile(join(folder, savedName), tensors);
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
