/** A reranker around another, which forwards every member that it does not change. */
import type { Reranker } from '../contract.ts';

/** How a member of a {@link Reranker} is forwarded: read anew each time, or called. */
type Forwarding = 'read' | 'call';

/** Every member of the contract. The type demands an entry here as soon as the contract has a new member. */
const forwarding: Readonly<Record<keyof Reranker, Forwarding>> = {
  info: 'read',
  embedder: 'read',
  rerank: 'call',
  anchors: 'call',
  readAnchor: 'call',
  countTokens: 'call',
  prepare: 'call',
  close: 'call',
};

/** Names of the contract's members. */
export const rerankerMembers: readonly (keyof Reranker)[] = Object.keys(forwarding) as (keyof Reranker)[];

/**
 * The reranker with some members changed; the wrapper forwards all others, and lacks the members that the reranker
 * lacks. Members of the given object beyond the contract are not forwarded. A getter among the changes stays a getter.
 *
 * @example const counted = wrapped(reranker, {
 *   rerank: (shortlist, options) => {
 *     calls.inc();
 *     return reranker.rerank(shortlist, options);
 *   },
 * });
 */
export function wrapped(reranker: Reranker, changes: Partial<Reranker>): Reranker {
  const forwarded = rerankerMembers
    .filter((name) => reranker[name] !== undefined)
    .map((name) => [name, descriptorOf(reranker, name)] as const);
  const descriptors = { ...Object.fromEntries(forwarded), ...Object.getOwnPropertyDescriptors(changes) };
  return Object.defineProperties({}, descriptors) as Reranker;
}

function descriptorOf(reranker: Reranker, name: keyof Reranker): PropertyDescriptor {
  const shown = { enumerable: true, configurable: true };
  if (forwarding[name] === 'read') return { ...shown, get: () => reranker[name] };
  const call = (...given: unknown[]): unknown =>
    (reranker[name] as (this: Reranker, ...given: unknown[]) => unknown).apply(reranker, given);
  return { ...shown, writable: true, value: call };
}
