/** Names of the rerankers that a router may have on board. */
import type { RerankerOptions } from '../../../engine/index.ts';
import type { RerankerConfig } from '../../config/reranker-schema.ts';

/** Settings that a form of the model has in place of its own. */
export type FormSettings = Pick<RerankerOptions, 'depth' | 'dropping' | 'stopping'>;

/** What a name stands for. */
export type Choice =
  | {
      /** The first stage's order: nothing is reranked. */
      readonly kind: 'first-stage';
    }
  | {
      /** The model, read in one way. */
      readonly kind: 'local';
      /** Settings that differ from the model's. */
      readonly settings: FormSettings & Pick<RerankerConfig, 'tier'>;
      /** Whether its order is fused with the first stage's. */
      readonly isFused: boolean;
    }
  | {
      /** A service. */
      readonly kind: 'remote';
      /** Its name among the remotes. */
      readonly remote: string;
    }
  | {
      /** A cheap reranker over all candidates, a dear one over a part. */
      readonly kind: 'cascade';
      /** Name of the cheap one. */
      readonly cheap: string;
      /** Name of the dear one. */
      readonly dear: string;
      /** How many the dear one orders; absent: those near the page's edge. */
      readonly first?: number;
    };

/** The forms of a name, for messages and help. */
export const choiceForms =
  'first-stage, default, model, anchor, depth-N, depth-N-anchor, drop-PERCENT, stop-PERCENT, remote:NAME, cascade:CHEAP:DEAR and cascade:CHEAP:DEAR:N';

/**
 * Reads a name: `first-stage`; `default`, what the stage serves; `model`, without fusion; `anchor`, from anchors alone;
 * `depth-N` and `depth-N-anchor`, at depth N; a form, see {@link modelForm}; `remote:NAME`, a service; `cascade:CHEAP:DEAR`, whose dear reranker orders
 * the candidates near the page's edge, or with `:N` the first N.
 *
 * @throws RangeError for any other name.
 */
export function parseChoice(name: string): Choice {
  if (name === 'first-stage') return { kind: 'first-stage' };
  const local = /^(?:(default|model|anchor)|depth-([1-9]\d*)(-anchor)?)$/.exec(name);
  if (local) {
    const [, word, depth, anchor] = local;
    const isAnchor = word === 'anchor' || anchor !== undefined;
    const settings = {
      ...(depth !== undefined && { depth: Number(depth) }),
      ...(isAnchor && { tier: 'anchor' as const }),
    };
    return { kind: 'local', settings, isFused: word !== 'model' };
  }
  const form = modelForm(name);
  if (form) return { kind: 'local', settings: form, isFused: true };
  const remote = /^remote:([\w.-]+)$/.exec(name)?.[1];
  if (remote !== undefined) return { kind: 'remote', remote };
  return parseCascade(name);
}

/**
 * Reads the name of a form of the model: `depth-N`, at depth N; `drop-PERCENT`, with so many of the unknown documents read,
 * and `drop-PERCENT-by-N`, where depth N tells which; `stop-PERCENT`, with reading stopped at that risk of another page; `depth-N` may stand before one of the others, with a dash. Undefined for any other
 * name.
 */
export function modelForm(name: string): FormSettings | undefined {
  const [, depth, percent, by, risk] = formSpelling.exec(name) ?? [];
  const dropping = percent !== undefined && {
    keep: Number(percent) / 100,
    ...(by !== undefined && { depth: Number(by) }),
  };
  const form = {
    ...(depth !== undefined && { depth: Number(depth) }),
    ...(dropping && { dropping }),
    ...(risk !== undefined && { stopping: { risk: Number(risk) / 100 } }),
  };
  return Object.keys(form).length === 0 ? undefined : form;
}

const formSpelling =
  /^(?=[ds])(?:depth-([1-9]\d*))?(?:(?:^|-)(?:drop-([1-9]\d?)(?:-by-([1-9]\d*))?|stop-([1-9]\d?)))?$/;

const member = '((?:remote:)?[\\w.-]+)';
const cascadeForm = new RegExp(`^cascade:${member}:${member}(?::([1-9]\\d*))?$`);

function parseCascade(name: string): Choice {
  const [, cheap, dear, first] = cascadeForm.exec(name) ?? [];
  if (cheap === undefined || dear === undefined) {
    throw new RangeError(`expected ${choiceForms}, got ${JSON.stringify(name)}`);
  }
  for (const part of [cheap, dear]) parseChoice(part);
  return { kind: 'cascade', cheap, dear, ...(first !== undefined && { first: Number(first) }) };
}
