/** Tests, after an installation in OpenSearch, whether searches are reranked from now on, and prints the result. */
import {
  answerTimeoutMs,
  type OpenSearchInstallSettings,
  openSearchStatus,
  type Probe,
  probeReranking,
  readOpenSearchState,
  type Trial,
  tryModel,
  trySearch,
} from '../../../adapters/opensearch/index.ts';
import type { ServerCalls } from '../../../adapters/server.ts';
import { FirstStageError } from '../../../engine/index.ts';
import { outcomeTexts } from './status-opensearch.ts';

/** The findings of the test. */
export interface InstallationTrial {
  /** Scores of two sample documents; absent when the model did not answer. */
  readonly modelScores?: readonly number[];
  /** One search without and with the pipeline; absent without an index. */
  readonly search?: Trial;
  /** The probe of a whole window; absent without an index. */
  readonly probe?: Probe;
  /** Why searches are not reranked; absent when they are, or when there was nothing to search. */
  readonly failure?: string;
}

/** Options of {@link tryInstallation}. */
export interface TrialSubject {
  /** Settings of the installation. */
  readonly settings: OpenSearchInstallSettings;
  /** Words to ask with. */
  readonly query: string;
  /** Index to search. */
  readonly index: string | undefined;
  /** Ends the test. */
  readonly signal: AbortSignal;
}

/**
 * Asks the model, searches with and without the pipeline, and probes. A failure becomes a part of the findings; it is
 * not thrown.
 */
export async function tryInstallation(
  calls: ServerCalls,
  { settings, query, index, signal }: TrialSubject,
): Promise<InstallationTrial> {
  const { name: pipeline, fields, readTimeoutSeconds } = settings;
  const wait = { signal, timeoutMs: answerTimeoutMs(readTimeoutSeconds) };
  let tested: InstallationTrial = {};
  try {
    // The plan did not know the model's id; the pipeline, which exists now, names it.
    const state = await readOpenSearchState(calls, pipeline, { signal });
    const modelId = openSearchStatus(state, pipeline).modelId!;
    tested = { modelScores: await tryModel(calls, { modelId, query, ...wait }) };
    if (index === undefined) return tested;
    tested = { ...tested, search: await trySearch(calls, { pipeline, query, index, fields, ...wait }) };
    const { version } = state;
    const probe = await probeReranking(calls, { pipeline, modelId, version, query, index, ...wait });
    return { ...tested, probe, ...(probe.cause !== undefined && { failure: probe.cause }) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FirstStageError)) throw error;
    return { ...tested, failure: error.message };
  }
}

/** The findings as lines of text. */
export function trialLines({ modelScores, search, probe }: InstallationTrial): string[] {
  return [
    ...(modelScores ? [`The model answers: two sample documents score ${modelScores.join(' and ')}.`] : []),
    ...(search ? searchLines(search) : []),
    ...(probe ? [`Probe: ${outcomeTexts[probe.outcome]}.`, ...probe.signs.map((sign) => `  ${sign}`)] : []),
  ];
}

function searchLines({ before, after, isByWords }: Trial): string[] {
  const order = (hits: Trial['before']): string =>
    hits.map(({ docId, score }) => `${docId} (${score})`).join(', ') || 'no hits';
  const found = isByWords ? 'the words' : 'any documents (none has the words)';
  return [
    `Test search for ${found}:`,
    `  without the pipeline: ${order(before)}`,
    `  with the pipeline:    ${order(after)}`,
  ];
}
