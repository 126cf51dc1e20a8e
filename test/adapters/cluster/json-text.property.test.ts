import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  elementsOf,
  fromBytes,
  membersOf,
  startOfValue,
  toBytes,
} from '../../../adapters/cluster/json-text.ts';
import { respell, Spelled } from '../../../adapters/cluster/respell.ts';

/** JSON as somebody else might write it: numbers that no double holds, escapes, names that come twice. */
const numbers = fc.constantFrom('0', '-0', '1.0', '1E5', '1e-7', '9007199254740993', '-12.50', '1e400');
const strings = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text.toWellFormed())),
  fc.constantFrom('"\\\\"', '"\\""', '"}]"', '"\\u00e9\\ud800"', '"\\\\\\"{"', '"é日\u{1f600}"'),
);
const space = fc.constantFrom('', '', '', ' ', '\n  ', '\t');
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    numbers,
    strings,
    fc.constantFrom('true', 'false', 'null', '[]', '{}', '{ }', '[ ]'),
    fc
      .tuple(fc.array(fc.tuple(space, tie('json'), space), { maxLength: 5 }))
      .map(([list]) => `[${list.map((parts) => parts.join('')).join(',')}]`),
    fc
      .array(fc.tuple(space, strings, space, tie('json'), space), { maxLength: 5 })
      .map((list) => `{${list.map(([a, key, b, value, c]) => `${a}${key}${b}:${b}${value}${c}`).join(',')}}`),
  ),
}));

const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const whole = (bytes: string) => ({ start: startOfValue(bytes), end: bytes.trimEnd().length });

/** With the properties of every object in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .map(([key, entry]) => [key, sorted(entry)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

describe('places in a JSON text', () => {
  it('hold what JSON.parse finds there', () => {
    fc.assert(
      fc.property(json, space, (text, before) => {
        const bytes = bytesOf(`${before}${text}${before}`);
        const value: unknown = JSON.parse(text);
        const at = ({ start, end }: { start: number; end: number }): unknown =>
          JSON.parse(fromBytes(bytes.slice(start, end)));
        if (Array.isArray(value)) {
          expect(elementsOf(bytes, startOfValue(bytes)).map(at)).toEqual(value);
        } else if (typeof value === 'object' && value !== null) {
          const members = membersOf(bytes, startOfValue(bytes));
          const read = Object.fromEntries(members.map((member) => [member.key, at(member.value)]));
          expect(Object.entries(read).sort()).toEqual(Object.entries(value).sort());
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('respelling', () => {
  it('keeps every byte of a value that did not change', () => {
    fc.assert(
      fc.property(json, (text) => {
        const bytes = bytesOf(text);
        const value: unknown = JSON.parse(text);
        expect(respell(bytes, whole(bytes), value, value)).toBe(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('spells the changed value, whatever it was before', () => {
    fc.assert(
      fc.property(json, json, (text, other) => {
        const bytes = bytesOf(text);
        const after: unknown = JSON.parse(other);
        const spelled = respell(bytes, whole(bytes), JSON.parse(text), after);
        // What no double holds is the same value for JavaScript: -0 and 0, 1e400 and infinity.
        expect(JSON.stringify(sorted(JSON.parse(fromBytes(spelled))))).toBe(JSON.stringify(sorted(after)));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps the digits of what is left when things are taken away or added', () => {
    const text = '{"a":[{"n":9007199254740993,"x":1},{"x":2},{"n":1.0}],"10":1E5,"b":{"c":1.50,"d":2}}';
    const before = JSON.parse(text) as { a: { n?: number }[]; b: object };
    const [first, , third] = before.a;
    const after = {
      a: [{ n: first!.n }, { n: third!.n }],
      '10': 1e5,
      b: { c: 1.5 },
      z: 3,
      y: new Spelled('1.0'),
    };
    expect(respell(text, whole(text), before, after)).toBe(
      '{"a":[{"n":9007199254740993},{"n":1.0}],"10":1E5,"b":{"c":1.50},"z":3,"y":1.0}',
    );
  });

  it('writes text outside ASCII as the bytes of UTF-8', () => {
    const bytes = bytesOf('{"é":"日"}');
    expect(fromBytes(respell(bytes, whole(bytes), { é: '日' }, { é: '日', ü: 'ö' }))).toBe(
      '{"é":"日","ü":"ö"}',
    );
    expect(toBytes('é')).toBe('"\u00c3\u00a9"');
  });
});
