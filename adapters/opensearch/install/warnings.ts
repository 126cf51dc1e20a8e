/** Warns operators of the server's surprises before searches go through the pipeline. */
import { accessSetting } from './cluster-settings.ts';
import { defaultPageSize, type OpenSearchInstallSettings } from './options.ts';
import { isAtLeast } from './requirements.ts';
import type { OpenSearchState } from './state.ts';

/** Warnings that hold for this cluster and these options, the weightiest first. */
export function installWarnings(state: OpenSearchState, settings: OpenSearchInstallSettings): string[] {
  return [
    ...defaultWarnings(settings),
    ...failureWarnings(settings),
    ...fieldWarnings(state, settings),
    ...windowWarnings(state, settings),
    ...foreignWarnings(state, settings),
  ];
}

function defaultWarnings({ defaultPipelineIndex, ignoreFailure }: OpenSearchInstallSettings): string[] {
  if (defaultPipelineIndex === undefined) return [];
  const index = `"${defaultPipelineIndex}"`;
  if (ignoreFailure) {
    return [
      `Index ${index} gets the pipeline as default: only searches with "ext.rerank" are reranked. Every other one, and every _count, runs the processor too, which fails and is passed over: each counts as a failure in the pipeline's statistics.`,
    ];
  }
  return [
    `DANGER: index ${index} gets the pipeline as default and --fail is given: every search without "ext.rerank", _count, scroll, _delete_by_query, _update_by_query and _reindex on it will answer 500 (null_pointer_exception). Applications can leave the pipeline out with ?search_pipeline=_none.`,
  ];
}

function failureWarnings({ ignoreFailure }: OpenSearchInstallSettings): string[] {
  if (ignoreFailure) {
    return [
      'A failure of the reranker is passed over: the search answers in the first stage\'s order and says nothing. Ask with ?verbose_pipeline=true, or watch "blockrank status opensearch", to tell.',
    ];
  }
  return [
    'With --fail, searches through the pipeline answer an error when the reranker fails, and also without "ext.rerank" (500), with "track_total_hits": false (500) and with "size": 0 (400).',
  ];
}

function fieldWarnings({ version, index }: OpenSearchState, { fields }: OpenSearchInstallSettings): string[] {
  const warnings: string[] = [];
  if (fields.length > 1) {
    warnings.push(
      `The server joins the fields ${fields.join(', ')} without a separator ("CatsCats are small"), and lists as [x, y]. One field that holds the whole text (copy_to does not fill _source) avoids that.`,
    );
  }
  const dotted = fields.filter((field) => field.includes('.'));
  if (dotted.length > 0 && !isAtLeast(version, [3, 0])) {
    warnings.push(
      `OpenSearch ${version} ignores fields inside objects: the model will not see ${dotted.join(', ')}.`,
    );
  }
  const missing = index ? fields.filter((field) => !index.fields.includes(field)) : [];
  if (missing.length > 0) {
    warnings.push(
      `Index "${index!.name}" has no field ${missing.join(', ')}: the model will read empty text.`,
    );
  }
  warnings.push(
    'A search whose "_source" leaves the fields out gives the model empty text: let searches return them, or ask for them with "fields".',
  );
  return warnings;
}

function windowWarnings(
  { canWiden }: OpenSearchState,
  { rankWindowSize }: OpenSearchInstallSettings,
): string[] {
  const factor = rankWindowSize / defaultPageSize;
  const pages =
    'Pages overlap or leave hits out, for each is cut from the first stage before it is reranked: ask for one page as long as you will show. Scrolls are reranked on their first page alone.';
  if (!canWiden) {
    return [
      `This server has no "oversample": only the hits of the page that a search asks for are reranked. ${pages}`,
    ];
  }
  if (factor <= 1) return [`Only the hits of the page that a search asks for are reranked. ${pages}`];
  return [
    `The window grows with the page: a search for ${defaultPageSize} hits reranks ${rankWindowSize}, one for 50 reranks ${50 * factor}; size * ${factor} may not exceed index.max_result_window. ${pages}`,
  ];
}

function foreignWarnings(
  { connectors, models, settings }: OpenSearchState,
  { name }: OpenSearchInstallSettings,
): string[] {
  const foreign = [
    ...connectors.filter(({ mark }) => !mark).map(({ id }) => `connector ${id}`),
    ...models.filter(({ mark }) => !mark).map(({ id }) => `model ${id}`),
  ];
  const warnings =
    foreign.length > 0 ? [`Somebody else made ${foreign.join(', ')} of the name "${name}": left alone.`] : [];
  if (String(settings.effective[accessSetting]) === 'true') {
    warnings.push(
      "Model access control is on: only users whom the model's group admits can search through the pipeline; give a group of yours with --model-group.",
    );
  }
  return warnings;
}
