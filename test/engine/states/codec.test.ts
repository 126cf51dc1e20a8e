import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockState, decodeState, encodeState, stateCodec } from '../../../engine/index.ts';
import { throughCodec } from '../../../engine/states/codec.ts';
import { textDigest } from '../../../engine/text-digest.ts';
import { floatToHalf } from '../../../engine/weights/half.ts';
import { randomNumbers, tinyState, unitRows } from '../../support/tiny/tiny-states.ts';

const key = { encodingDigest: textDigest('encoder').slice(0, 32), textDigest: textDigest('text') };
const names = ['anchor-fp16', 'anchor-int8', 'tokens-fp16', 'tokens-int8'];
const bounded = ['pool', 'attention', 'statistical'].map((rule) => `tokens-int8:4:${rule}`);

const shapes = fc.record({
  blockTokens: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
  width: fc.integer({ min: 1, max: 9 }),
  seed: fc.nat(),
});
const states = shapes.map(({ blockTokens, width, seed }) =>
  tinyState(blockTokens, width, randomNumbers(seed)),
);

const rowsOf = ({ anchors, tokens }: BlockState): number[] => [...anchors, ...(tokens ?? [])];
const worstOf = (row: readonly number[]): number => Math.max(...row.map(Math.abs));

describe('encodeState and decodeState', () => {
  it.each([...names, ...bounded])(
    'give back what %s keeps: shape, counts, vectors in shared memory',
    (name) => {
      fc.assert(
        fc.property(states, (state) => {
          const codec = stateCodec(name);
          const back = decodeState(encodeState(key, state, codec), key, codec).state!;
          expect(back.width).toBe(state.width);
          expect(back.truncatedTokens).toBe(state.truncatedTokens);
          expect(back.anchors.buffer).toBeInstanceOf(SharedArrayBuffer);
          expect(back.anchors).toHaveLength(state.anchors.length);
          expect(back.tokens === undefined).toBe(codec.tier === 'anchor');
          if (!codec.pruning) expect(back.blockTokens).toEqual(state.blockTokens);
          if (!back.tokens) return;
          expect(back.tokens.buffer).toBeInstanceOf(SharedArrayBuffer);
          const count = back.blockTokens.reduce((sum, tokens) => sum + tokens, 0);
          expect(back.tokens).toHaveLength(count * state.width);
        }),
      );
    },
  );

  it('are off by a relative 2^-11 at most in half precision', () => {
    fc.assert(
      fc.property(states, (state) => {
        const back = rowsOf(throughCodec(state, stateCodec('tokens-fp16')));
        rowsOf(state).forEach((value, i) => {
          // Below 2^-14 a half has a step of its own, 2^-24.
          expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(
            Math.max(Math.abs(value) * 2 ** -11, 2 ** -25),
          );
        });
      }),
    );
  });

  it("are off by half a step of the row's own scale at most in 8-bit integers", () => {
    fc.assert(
      fc.property(states, (state) => {
        const back = rowsOf(throughCodec(state, stateCodec('tokens-int8')));
        const values = rowsOf(state);
        for (let row = 0; row < values.length; row += state.width) {
          const own = values.slice(row, row + state.width);
          const halfStep = worstOf(own) / 127 / 2;
          own.forEach((value, i) => {
            expect(Math.abs(back[row + i]! - value)).toBeLessThanOrEqual(halfStep * (1 + 1e-4));
          });
        }
      }),
    );
  });

  it('know any flipped bit', () => {
    for (const name of [...names, bounded[0]!]) {
      const bytes = encodeState(key, tinyState([3, 2], 4, randomNumbers(2)), stateCodec(name));
      for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
        const spoilt = bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        const { state, fault } = decodeState(spoilt, key);
        expect(state).toBeUndefined();
        // A version is believed before the checksum: another version may keep its checksum elsewhere.
        expect(fault).toBe(bit >= 16 && bit < 32 ? 'foreign' : 'damaged');
      }
    }
  });

  it('know any cut and anything appended', () => {
    const bytes = encodeState(key, tinyState([3], 8, randomNumbers(2)));
    for (let length = 0; length < bytes.length; length += 1)
      expect(decodeState(bytes.subarray(0, length), key).fault).toBe('damaged');
    expect(decodeState(Buffer.concat([bytes, Buffer.alloc(1)]), key).fault).toBe('damaged');
  });

  it('know bytes that never were a state', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (random) => {
        expect(decodeState(random, key).state).toBeUndefined();
      }),
    );
  });

  it('know any other version', () => {
    const bytes = encodeState(key, tinyState([3], 8, randomNumbers(2)));
    for (let version = 0; version < 65_536; version += 1) {
      if (version === 2) continue;
      const other = Buffer.from(bytes);
      other.writeUInt16LE(version, 2);
      expect(decodeState(other, key)).toEqual({ fault: 'foreign' });
    }
  });

  it('know the state of any other encoder or text', () => {
    const bytes = encodeState(key, tinyState([3], 8, randomNumbers(2)));
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (text, isEncoder) => {
        const other = isEncoder
          ? { ...key, encodingDigest: textDigest(text) }
          : { ...key, textDigest: textDigest(text) };
        expect(decodeState(bytes, other)).toEqual({ fault: isEncoder ? 'foreign' : 'stale' });
      }),
    );
    expect(decodeState(bytes, { ...key, encodingDigest: 'a name' })).toEqual({ fault: 'foreign' });
  });

  it('take bytes from anywhere in a larger buffer', () => {
    const state = tinyState([3], 8, randomNumbers(2));
    const bytes = encodeState(key, state);
    const pool = Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(5)]);
    const inside = pool.subarray(3, 3 + bytes.length);
    expect(decodeState(inside, key)).toEqual(decodeState(bytes, key));
  });

  it.each([
    ['anchor-fp16', 64 + 768],
    ['anchor-int8', 64 + 388],
    ['tokens-fp16', 64 + 129 * 768],
    ['tokens-int8', 64 + 129 * 388],
    ['tokens-int8:32', 64 + 33 * 388],
  ])('%s takes %i bytes for 128 tokens of width 384', (name, bytes) => {
    const state = tinyState([128], 384, randomNumbers(1));
    expect(encodeState(key, state, stateCodec(name))).toHaveLength(bytes);
  });

  it('lose nothing a second time: what was kept once reads the same when it is kept again', () => {
    const state = tinyState([3, 4], 8, randomNumbers(5));
    for (const name of ['anchor-fp16', 'tokens-fp16']) {
      const once = throughCodec(state, stateCodec(name));
      expect(throughCodec(once, stateCodec(name))).toEqual(once);
    }
  });

  it('keep zeroes and the largest magnitudes', () => {
    const anchors = Float32Array.of(0, 0, 0, 0, 1, -1, 0, 0);
    const state = { width: 4, blockTokens: [1, 1], anchors, truncatedTokens: 3 };
    for (const name of ['anchor-fp16', 'anchor-int8'])
      expect([...throughCodec(state, stateCodec(name)).anchors]).toEqual([...anchors]);
  });
});

describe('decodeState with a codec', () => {
  const whole = tinyState([9, 4], 8, randomNumbers(3));
  const kept = (name: string): Uint8Array => encodeState(key, whole, stateCodec(name));
  const read = (name: string, by: string | undefined) =>
    decodeState(kept(name), key, by === undefined ? undefined : stateCodec(by));

  it('of tokens takes no anchors alone', () => {
    expect(read('anchor-fp16', 'tokens-fp16')).toEqual({ fault: 'foreign' });
  });

  it('of anchors takes the anchors of any state', () => {
    const anchors = read('anchor-int8', 'anchor-int8').state!;
    for (const name of ['tokens-int8', ...bounded]) {
      const { state } = read(name, 'anchor-fp16');
      expect(state!.tokens).toBeUndefined();
      expect(state!.anchors).toEqual(anchors.anchors);
    }
  });

  it('takes any precision, and tokens that were chosen as it would alone', () => {
    expect(read('tokens-int8', 'tokens-fp16').state).toBeDefined();
    expect(read('tokens-fp16:4:pool', 'tokens-int8:4:pool').state).toBeDefined();
    expect(read('tokens-fp16:4:pool', 'tokens-fp16:4:attention')).toEqual({ fault: 'foreign' });
    expect(read('tokens-fp16:4', 'tokens-fp16:5')).toEqual({ fault: 'foreign' });
    expect(read('tokens-fp16:4', 'tokens-fp16')).toEqual({ fault: 'foreign' });
    expect(read('tokens-fp16', 'tokens-fp16:4')).toEqual({ fault: 'foreign' });
  });

  it('absent takes all but states that lost tokens', () => {
    expect(read('anchor-int8', undefined).state).toBeDefined();
    expect(read('tokens-int8', undefined).state).toBeDefined();
    expect(read('tokens-int8:4', undefined)).toEqual({ fault: 'foreign' });
  });

  it('keeps anchors for a state without tokens, whatever it is told', () => {
    const { tokens: _, ...anchored } = whole;
    const bytes = encodeState(key, anchored, stateCodec('tokens-int8:4'));
    expect(decodeState(bytes, key, stateCodec('anchor-int8')).state!.blockTokens).toEqual([9, 4]);
  });
});

describe('stateCodec', () => {
  it('reads every name, and `pool` where a bound names no rule', () => {
    expect(stateCodec('anchor-int8')).toEqual({ name: 'anchor-int8', tier: 'anchor', precision: 'int8' });
    expect(stateCodec('tokens-fp16:32').pruning).toEqual({ maxTokens: 32, rule: 'pool' });
    expect(stateCodec('tokens-fp16:8:attention').pruning).toEqual({ maxTokens: 8, rule: 'attention' });
  });

  it.each([
    '',
    'tokens',
    'tokens-fp32',
    'anchor-fp16:32',
    'tokens-fp16:0',
    'tokens-fp16:',
    'tokens-fp16:3:norm',
    'tokens-fp16:-1',
    ' tokens-fp16',
    'tokens-fp16:9999999',
  ])('refuses %j and says what is accepted', (name) => {
    expect(() => stateCodec(name)).toThrow(/expected anchor-fp16, anchor-int8, tokens-fp16 or tokens-int8/);
  });
});

describe('the head', () => {
  it('is written byte for byte as it is documented', () => {
    const anchors = unitRows(1, 2, randomNumbers(1));
    const state = { width: 2, blockTokens: [7], anchors, truncatedTokens: 258 };
    const bytes = Buffer.from(encodeState(key, state, stateCodec('anchor-fp16')));
    const head = '42530200' + '00000000' + '02000100' + '00000000' + '02010000';
    expect(bytes.subarray(0, 20).toString('hex')).toBe(head);
    expect(bytes.subarray(20, 36).toString('hex')).toBe(key.encodingDigest);
    expect(bytes.subarray(36, 52).toString('hex')).toBe(key.textDigest.slice(0, 32));
    expect(bytes.subarray(60, 64).toString('hex')).toBe('07000000');
    expect([bytes.readUInt16LE(64), bytes.readUInt16LE(66)]).toEqual([...anchors].map(floatToHalf));
  });
});
