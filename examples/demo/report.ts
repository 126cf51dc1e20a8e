/** What the demo prints: the list before and after, side by side. */
import type { EmbeddedHit, EmbeddedResponse } from '../../adapters/embedded/index.ts';
import type { Colours } from '../../plugin/cli/context.ts';

/** One row of a list, as `--json` prints it. */
export interface ListedHit {
  readonly rank: number;
  readonly docId: string;
  readonly title: string;
  readonly text: string;
  readonly score: number;
}

/** What one query gave. */
export interface DemoResult {
  readonly query: string;
  /** First-stage order. */
  readonly firstStage: readonly ListedHit[];
  /** Reranked order. */
  readonly reranked: readonly ListedHit[];
}

/** Hits as `--json` prints them, in the order given. */
export function toList(hits: readonly EmbeddedHit[]): ListedHit[] {
  return hits.map(({ docId, title, text, score }, i) => ({ rank: i + 1, docId, title, text, score }));
}

const shownHits = 10;
const columnWidth = 46;

/** The first hits of both orders side by side, with the places that each reranked hit moved, and the times. */
export function toTable(result: DemoResult, response: EmbeddedResponse, colours: Colours): string {
  const lines = [
    colours.bold(`“${result.query}”`),
    `     ${'BM25'.padEnd(columnWidth)}      reranked by the model`,
  ];
  for (let i = 0; i < shownHits; i += 1) {
    const after = response.hits[i];
    if (!after) break;
    const before = result.firstStage[i];
    const from = after.blockrank?.firstStageRank ?? i + 1;
    const left = cut(before ? `${before.title}: ${before.text}` : '', columnWidth);
    const right = `${after.title}: ${after.text}`;
    lines.push(
      `${String(i + 1).padStart(3)}  ${colours.dim(left)}  ${moved(from, i + 1, colours)}  ${cut(right, columnWidth)}`,
    );
  }
  const { timings, usage } = response.blockrank ?? {};
  if (timings && usage) {
    const words = `BM25 ${ms(timings.firstStageMs)}, model ${ms(timings.rerankMs)} (${usage.statesEncoded} glosses read, ${usage.statesFound} known already), in all ${ms(timings.totalMs)}`;
    lines.push(colours.dim(`     ${words}`));
  }
  return lines.join('\n');
}

function moved(from: number, to: number, colours: Colours): string {
  const places = from - to;
  if (places > 0) return colours.green(`↑${String(places).padEnd(3)}`);
  return places < 0 ? colours.red(`↓${String(-places).padEnd(3)}`) : '=   ';
}

const cut = (text: string, width: number): string =>
  (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width);

const ms = (value: number): string => (value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`);
