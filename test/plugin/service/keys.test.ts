import * as crypto from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { hashKey, keyRing } from '../../../plugin/service/keys.ts';

vi.mock('node:crypto', async (importOriginal) => {
  const original = await importOriginal<typeof crypto>();
  return { ...original, timingSafeEqual: vi.fn(original.timingSafeEqual) };
});
beforeEach(() => {
  vi.mocked(crypto.timingSafeEqual).mockClear();
});

const keys = ['a', 'b', 'c'].map((name) => name.repeat(20));
const ring = keyRing(keys.map((key) => ({ tenant: key[0]!, sha256: hashKey(key) })));
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('keyRing', () => {
  it('finds the tenant of each key', () => {
    expect(keys.map((key) => ring.identify(bearer(key))?.tenant)).toEqual(['a', 'b', 'c']);
  });

  it('compares every entry in constant time, whichever fits or none', () => {
    for (const key of [...keys, 'd'.repeat(20), keys[0]!.slice(1)]) {
      vi.mocked(crypto.timingSafeEqual).mockClear();
      ring.identify(bearer(key));
      expect(crypto.timingSafeEqual).toHaveBeenCalledTimes(3);
    }
  });

  it.each(['sha256', 'key'] as const)(
    'knows no key that is only like one of the ring, given as %s',
    (form) => {
      const key = 'a1b2c3d4e5f6g7h8i9j0';
      const given = keyRing([{ tenant: 'shop', [form]: form === 'key' ? key : hashKey(key) }]);
      expect(given.identify(bearer(key))?.tenant).toBe('shop');
      const alike = [
        `${key.slice(0, -1)}1`,
        key.slice(0, -1),
        `${key}0`,
        `b${key.slice(1)}`,
        key.toUpperCase(),
      ];
      for (const other of [...alike, hashKey(key)]) {
        expect(given.identify(bearer(other)), other).toBeUndefined();
        expect(given.identify({ 'x-api-key': other }), other).toBeUndefined();
      }
    },
  );

  it.each([
    {},
    { authorization: '' },
    { authorization: 'Bearer ' },
    { authorization: `Bearer  ${' '}` },
    { 'x-api-key': '' },
  ])('knows nobody by %j', (headers) => {
    expect(ring.identify(headers)).toBeUndefined();
  });

  it('knows a key with letters outside ASCII, sent in UTF-8 or in Latin-1', () => {
    const key = 'schlüssel-à-garder-42';
    for (const entry of [{ key }, { sha256: hashKey(key) }]) {
      const given = keyRing([{ tenant: 'shop', ...entry }]);
      // Node gives the bytes of a header as Latin-1.
      for (const sent of [Buffer.from(key, 'utf8').toString('latin1'), key]) {
        expect(given.identify(bearer(sent))?.tenant).toBe('shop');
        expect(given.identify({ 'x-api-key': sent })?.tenant).toBe('shop');
      }
      expect(given.identify(bearer('schlussel-a-garder-42'))).toBeUndefined();
    }
  });

  it('keeps a key that was given in words as its hash', () => {
    const given = keyRing([{ tenant: 'shop', key: keys[0]! }]);
    expect(given.identify(bearer(keys[0]!))?.tenant).toBe('shop');
    expect(JSON.stringify(given)).not.toContain('aaaa');
  });
});
