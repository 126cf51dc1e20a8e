/** What differs between a definition that is there and one that is wanted, in lines that people read. */

/** One line a place that differs: `path: there -> wanted`. Empty when nothing does. */
export function differencesOf(there: unknown, wanted: unknown): string[] {
  const before = new Map(leavesOf(there));
  const after = new Map(leavesOf(wanted));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => `${path}: ${before.get(path) ?? 'nothing'} -> ${after.get(path) ?? 'nothing'}`);
}

/**
 * The part of a value that another value names: what a server adds of its own is left out, so that only what was
 * asked for is compared.
 */
export function onlyNamed(value: unknown, wanted: unknown): unknown {
  if (Array.isArray(wanted) || Array.isArray(value)) {
    if (!(Array.isArray(wanted) && Array.isArray(value))) return value;
    return value.map((one, i) => (i < wanted.length ? onlyNamed(one, wanted[i]) : one));
  }
  if (!(isRecord(wanted) && isRecord(value))) return value;
  const named = Object.keys(wanted).filter((key) => key in value);
  return Object.fromEntries(named.map((key) => [key, onlyNamed(value[key], wanted[key])]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Every value that holds no other, with its path; lists of plain values are one. */
function* leavesOf(value: unknown, path = ''): Generator<readonly [string, string]> {
  const isList = Array.isArray(value);
  const isPlain = !isRecord(value) || (isList && !value.some(isRecord));
  if (isPlain) {
    if (value !== undefined) yield [path, JSON.stringify(value)];
    return;
  }
  for (const [key, one] of Object.entries(value)) {
    const place = isList ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    yield* leavesOf(one, place);
  }
}
