/** The conformance tests of sources with damaged bytes. */
import assert from 'node:assert/strict';
import { type CountedStateSource, encodeState, type StateCounts, type StateKey } from '../../engine/index.ts';
import { assertSameState, keyOf, stateOf } from './state-source-states.ts';

interface Subject {
  readonly source: CountedStateSource;
  readonly overwrite?: (key: StateKey, change: (bytes: Uint8Array) => Uint8Array) => Promise<void>;
}

const key = keyOf('spoilt');

/**
 * Keeps two states, spoils one of them, and checks that the source misses only the spoiled state, counts the right
 * reason, and is mended by the next write.
 */
const spoiling =
  (change: (bytes: Uint8Array) => Uint8Array, fault: 'damaged' | 'foreign') =>
  async ({ source, overwrite }: Subject): Promise<void> => {
    assert.ok(overwrite, 'expected a subject with overwrite; a source that keeps no bytes skips this test');
    await source.putMany([
      [key, stateOf(1)],
      [keyOf('sound'), stateOf(2)],
    ]);
    await overwrite(key, change);
    const [spoilt, sound] = await source.getMany([key, keyOf('sound')]);
    assert.equal(spoilt, undefined);
    assertSameState(sound, stateOf(2));
    const expected: StateCounts = { found: 1, missed: 1, damaged: 0, foreign: 0, failed: 0, [fault]: 1 };
    assert.deepEqual(source.counts, expected);
    await source.putMany([[key, stateOf(1)]]);
    assertSameState((await source.getMany([key]))[0], stateOf(1));
  };

const flipped =
  (at: (bytes: Uint8Array) => number) =>
  (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, i) => (i === at(bytes) ? byte ^ 1 : byte));

/** A state of the first version: magic, version, width, token flag, blocks, truncated tokens, a block's tokens, vectors. */
function firstVersion(): Uint8Array {
  const bytes = Buffer.alloc(20 + 2 * 4);
  [0x5342, 1, 4, 0].forEach((value, i) => {
    bytes.writeUInt16LE(value, 2 * i);
  });
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(7, 16);
  return bytes;
}

/** Checks by rule. */
export const damageChecks: Readonly<Record<string, (subject: Subject) => Promise<void>>> = {
  'misses and counts a state with a flipped bit': spoiling(
    flipped((bytes) => bytes.length - 1),
    'damaged',
  ),
  'misses and counts a state with a flipped bit in its head': spoiling(
    flipped(() => 17),
    'damaged',
  ),
  'misses and counts a state that was cut': spoiling((bytes) => bytes.subarray(0, -1), 'damaged'),
  'misses and counts a state without a byte': spoiling(() => new Uint8Array(0), 'damaged'),
  'misses and counts bytes of something else': spoiling(() => Buffer.from('{"not":"a state"}'), 'damaged'),
  'misses and counts a state of the first version': spoiling(firstVersion, 'foreign'),
  'misses and counts a state of another text': spoiling(
    () => encodeState(keyOf('sound'), stateOf(2)),
    'foreign',
  ),
  'misses and counts a state of another encoder': spoiling(
    () => encodeState(keyOf('spoilt', 'another encoder'), stateOf(1)),
    'foreign',
  ),
};
