/** Lists what differs between an existing definition and the wanted one, in lines that people read. */

/** One line for each path whose values differ: `path: there -> wanted`. Empty when none does. */
export function differencesOf(there: unknown, wanted: unknown): string[] {
  const before = new Map(leavesOf(there));
  const after = new Map(leavesOf(wanted));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => `${path}: ${before.get(path) ?? 'nothing'} -> ${after.get(path) ?? 'nothing'}`);
}

/**
 * The part of a value that the wanted value names too. Properties that a server adds itself are left out, so that a
 * comparison sees only what was asked for.
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

/** Every value that holds no other value, with its path; a list of plain values counts as one. */
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
