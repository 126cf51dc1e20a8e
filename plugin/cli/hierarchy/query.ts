import { openHierarchy, QueryError } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';

/** Values of the options. */
export interface QueryFlags {
  readonly hierarchy: string;
  readonly top: number;
  readonly json?: true;
}

/** Prints categories, and with `--json` the vector. @throws QueryError for a search that the hierarchy does not know. */
export async function query(
  context: CliContext,
  text: string,
  { hierarchy, top, json }: QueryFlags,
): Promise<void> {
  const opened = await openHierarchy(hierarchy);
  const found = opened.nearest(text, top);
  if (found.length === 0) {
    throw new QueryError(
      `Cannot search for ${JSON.stringify(text)}: the hierarchy "${hierarchy}" knows no part of it. A hierarchy with towers of text knows any word.`,
    );
  }
  const vector = [...opened.embedNow([text]).rows];
  if (json) context.printJson({ query: text, categories: found, vector });
  else context.print(found.map((node) => `${node.score.toFixed(2)}\t${node.id}\t${node.text}`).join('\n'));
}
