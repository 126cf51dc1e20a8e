/** Where `blockrank labels` takes its labels from, and whether they are of the collection. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '../../../engine/index.ts';
import {
  type Collection,
  type LabelJudgement,
  type LabelSource,
  readLabels,
} from '../../../engine/laboratory.ts';

/** Options that name judgements. */
export interface LabelSourceOptions {
  readonly judgements?: readonly string[];
  readonly columns?: string;
  readonly total?: string;
  readonly data?: string;
}

/**
 * Reads every file of judgements.
 *
 * @throws ConfigurationError when none is named, one is not there, or a label comes from two files. @throws TrecFormatError
 * for a line that is none.
 */
export async function labelJudgements(options: LabelSourceOptions): Promise<LabelJudgement[]> {
  const { judgements = ownJudgements(options.data), columns, total } = options;
  if (total !== undefined && columns === undefined) {
    throw problem('total', 'counts the votes of --columns; name them too');
  }
  const names = columns
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const all: LabelJudgement[] = [];
  const fileOf = new Map<string, string>();
  for (const spelled of judgements) {
    const source = sourceOf(spelled);
    const read = await readLabels({
      ...source,
      ...(names && { columns: names }),
      ...(total !== undefined && { total }),
    });
    for (const { label, path } of read) {
      const before = fileOf.get(label) ?? path;
      if (before !== path) {
        const message = `the label "${label}" is in "${before}" and in "${path}"; name them, as in --judgements a=${before} b=${path}`;
        throw problem('judgements', message);
      }
      fileOf.set(label, path);
    }
    all.push(...read);
  }
  return all;
}

function ownJudgements(data: string | undefined): readonly string[] {
  if (data === undefined) throw problem('judgements', 'expected files of judgements, or --data');
  return [join(data, 'judgments.tsv')];
}

/** A path, or a name and a path. */
function sourceOf(spelled: string): LabelSource {
  const [, label, path] = /^([^=/\\]+)=(.+)$/.exec(spelled) ?? [];
  const source = label === undefined || existsSync(spelled) ? { path: spelled } : { path: path!, label };
  if (existsSync(source.path)) return source;
  throw problem('judgements', `expected a file "${source.path}"; name files with --judgements`);
}

/**
 * Judgements must be of the collection, all of them: a measure over the rest would look whole.
 *
 * @throws ConfigurationError naming file and line of the first document, and of the first query, that the collection lacks.
 */
export function assertOfCollection(
  judgements: readonly LabelJudgement[],
  { documents, queries }: Pick<Collection, 'documents' | 'queries'>,
): void {
  const strangers = [
    {
      what: 'document',
      file: 'corpus.jsonl',
      found: judgements.filter(({ docId }) => !documents.has(docId)),
      idOf: ({ docId }: LabelJudgement) => docId,
    },
    {
      what: 'query',
      file: 'queries.jsonl',
      found: judgements.filter(({ queryId }) => !queries.has(queryId)),
      idOf: ({ queryId }: LabelJudgement) => queryId,
    },
  ];
  const issues = strangers.flatMap(({ what, file, found, idOf }) => {
    const [first] = found;
    if (!first) return [];
    const message = `${what} "${idOf(first)}" is not in ${file} (${found.length} of ${judgements.length} judgements name one that is not)`;
    return [{ path: `"${first.path}", line ${first.line}`, message }];
  });
  if (issues.length > 0) throw new ConfigurationError('Cannot use the labels', issues);
}

/**
 * Weights in the order of the labels; 1 for labels that are not named.
 *
 * @param list - `name=number`, separated by commas.
 * @throws ConfigurationError listing everything that is no weight of a label.
 */
export function labelWeights(list: string | undefined, labels: readonly string[]): number[] {
  const given = new Map<string, number>();
  const wrong: string[] = [];
  for (const part of (list ?? '').split(',').filter((text) => text.trim() !== '')) {
    const at = part.lastIndexOf('=');
    const name = part.slice(0, Math.max(0, at)).trim();
    const text = part.slice(at + 1).trim();
    const weight = Number(text || Number.NaN);
    if (labels.includes(name) && Number.isFinite(weight) && weight >= 0) given.set(name, weight);
    else wrong.push(part.trim());
  }
  const weights = labels.map((label) => given.get(label) ?? 1);
  if (wrong.length === 0 && weights.some((weight) => weight > 0)) return weights;
  const found = wrong.length === 0 ? 'only 0' : wrong.map((part) => `"${part}"`).join(', ');
  throw problem(
    'weights',
    `expected name=number with a finite number of 0 or more, not all 0, for ${labels.join(', ')}; got ${found}`,
  );
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot use the labels', [{ path, message }]);
