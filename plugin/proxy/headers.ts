/** Works on headers as they are on the wire: names keep their case, duplicates and order stay. */
import type { IncomingMessage } from 'node:http';

/** Names and values in turn, as Node's `rawHeaders`. */
export type RawHeaders = readonly string[];

/** Headers that concern one connection alone. Source: RFC 9110, section 7.6.1. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
];

/** Headers that stay even when `Connection` names them: without them the message could not be read. */
const essential = new Set(['content-length', 'host']);

/**
 * The headers that travel on: without those of the connection and those that `Connection` names.
 *
 * @param dropped - Further names, in small letters.
 */
export function endToEnd(raw: RawHeaders, dropped: readonly string[] = []): RawHeaders {
  const named = valuesOf(raw, 'connection')
    .flatMap((value) => value.split(','))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => !essential.has(name));
  // A trailer is only possible after a body of unknown length.
  const fixed = valuesOf(raw, 'content-length').length > 0 ? ['trailer'] : [];
  return without(raw, [...hopByHop, ...named, ...fixed, ...dropped]);
}

/** A copy without these headers; names in small letters. */
export function without(raw: RawHeaders, names: readonly string[]): RawHeaders {
  const gone = new Set(names);
  return raw.filter((_, i) => !gone.has(raw[i - (i % 2)]!.toLowerCase()));
}

/** Every value of one header; the name in small letters. */
export function valuesOf(raw: RawHeaders, name: string): readonly string[] {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1]!.toLowerCase() === name);
}

/** Names and values as pairs, as `addTrailers` takes them. */
export function pairsOf(raw: RawHeaders): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i]!, raw[2 * i + 1]!]);
}

/** The header that tells the length of the message's body; empty for a message without a body. */
export function framingOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): RawHeaders {
  if (valuesOf(rawHeaders, 'transfer-encoding').length > 0) return ['Transfer-Encoding', 'chunked'];
  return valuesOf(rawHeaders, 'content-length').flatMap((length) => ['Content-Length', length]);
}
