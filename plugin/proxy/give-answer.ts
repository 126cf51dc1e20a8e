/** Sends the stage's answer to a search. */
import type { OutcomeMark } from '../../adapters/adapter.ts';
import { isObject, type JsonObject } from '../../adapters/search-body/index.ts';
import type { Answered } from './ask.ts';
import { type Exchange, markHeader } from './forward.ts';
import { endToEnd, type RawHeaders } from './headers.ts';
import { pass, type Treatment } from './pass.ts';
import type { WireAnswer } from './proxy-adapter.ts';
import type { SearchParts, SearchRun } from './search-run.ts';

/** Answers the caller: with the stage's answer, or, when the stage changed nothing, with the cluster's own. */
export async function giveAnswer(parts: SearchParts, run: SearchRun, answer: WireAnswer): Promise<Treatment> {
  const { exchange, read, search } = run;
  if (run.passes || !run.answered) {
    // An answer that only passes may take long, so it holds no slots.
    run.leave();
    return pass(parts, exchange, read, run.passes ?? 'unsupported-request');
  }
  const marks = marksOf(answer);
  const reranked = marks.filter((mark) => mark?.reranked).length;
  const reason = [...marks, ...run.plans].find((one) => one?.reason)?.reason ?? 'first-stage-error';
  const said = reranked > 0 ? `reranked${readOf(marks)}` : `unreranked; reason=${reason}`;
  const counted = search.kind === 'msearch' ? `${said}; searches=${reranked}/${marks.length}` : said;
  writeAnswer(exchange, run.answered, parts.adapter.spell(answer), ['X-Blockrank', counted]);
  return reranked > 0 ? 'reranked' : 'unreranked';
}

/** How many documents were read in time, where that was not all of them. */
function readOf(marks: readonly (OutcomeMark | undefined)[]): string {
  const reranked = marks.filter((mark) => mark?.reranked);
  if (reranked.every((mark) => mark?.read === undefined)) return '';
  const read = reranked.reduce((sum, mark) => sum + (mark?.read ?? mark?.rankWindowSize ?? 0), 0);
  return `; read=${read}`;
}

function marksOf(answer: JsonObject): readonly (OutcomeMark | undefined)[] {
  const list = Array.isArray(answer['responses']) ? answer['responses'] : [answer];
  return list.map((entry: unknown) => (isObject(entry) ? (entry['blockrank'] as OutcomeMark) : undefined));
}

/** Writes a complete answer; without `body`, the cluster's bytes. */
export function writeAnswer(
  { response }: Exchange,
  answered: Answered,
  body: Buffer | undefined,
  added: RawHeaders,
): void {
  const rewritten = body ? ['content-encoding'] : [];
  const bytes = body ?? answered.body;
  const headers = endToEnd(answered.headers, ['content-length', 'trailer', markHeader, ...rewritten]);
  response.sendDate = false;
  const length = answered.status === 204 ? [] : ['Content-Length', String(bytes.length)];
  response.writeHead(answered.status, answered.statusMessage, [...headers, ...length, ...added]);
  response.end(bytes);
}
