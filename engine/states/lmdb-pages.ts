/**
 * Reads the pages of an LMDB file (data version 2, as the package `lmdb` writes it) without mapping them, so that a
 * damaged file cannot end the process. Little-endian.
 *
 * | byte of a page | what |
 * |---|---|
 * | 0 | its number, 64 bits |
 * | 8 | transaction, 64 bits |
 * | 18 | kind, 16 bits: 1 branch, 2 leaf, 4 overflow, 8 meta |
 * | 20 | end of the offsets of nodes and start of the nodes, 16 bits each; of overflow pages their count, 32 bits |
 * | 24 | offsets of nodes, 16 bits each, counted from here; of meta pages what {@link readMeta} reads |
 *
 * Source: `mdb.c` in the package's `dependencies/lmdb`.
 */
import { fstatSync, readSync } from 'node:fs';

/** Bytes of a page's head. */
export const pageHeadBytes = 24;

/** Kinds of pages. */
export const pageKinds = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const;

/** A tree of a database. */
export interface LmdbTree {
  /** Flags of the tree. */
  readonly flags: number;
  /** Levels; 0 for none. */
  readonly depth: number;
  /** Branch pages. */
  readonly branchPages: number;
  /** Leaf pages. */
  readonly leafPages: number;
  /** Overflow pages. */
  readonly overflowPages: number;
  /** Entries. */
  readonly entries: number;
  /** Page that the tree starts at; undefined for an empty tree. */
  readonly root: number | undefined;
}

/** The content of the newer meta page. */
export interface LmdbMeta {
  /** Bytes of a page. */
  readonly pageBytes: number;
  /** Bytes that the file is mapped with. */
  readonly mapBytes: number;
  /** The tree that lists free pages. */
  readonly free: LmdbTree;
  /** The tree of the stored entries. */
  readonly main: LmdbTree;
  /** Largest page number that was ever given out. */
  readonly lastPage: number;
  /** Number of the last transaction. */
  readonly transaction: number;
}

const magic = 0xbeefc0de;
const dataVersion = 2;
const metaBytes = pageHeadBytes + 136;
const treesAt = 48;
const treeBytes = 48;

/** Bytes of an open file from a position on; fewer where the file ends. */
export function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = readSync(file, bytes, done, length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** A number of 64 bits; a number beyond the safe integers comes out as one that no file reaches. */
export function wholeAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

/** The newer of the two meta pages, or a sentence that says why the file has none. */
export function readMeta(file: number): LmdbMeta | string {
  const first = parseMeta(readAt(file, 0, metaBytes));
  if (typeof first === 'string') return first;
  const second = parseMeta(readAt(file, first.pageBytes, metaBytes));
  if (typeof second === 'string') return second;
  if (first.pageBytes !== second.pageBytes) return 'its two heads disagree';
  return second.transaction > first.transaction ? second : first;
}

function parseMeta(bytes: Buffer): LmdbMeta | string {
  if (bytes.length < metaBytes) return 'it ends within its head';
  const isMeta = bytes.readUInt16LE(18) === pageKinds.meta && bytes.readUInt32LE(pageHeadBytes) === magic;
  if (!isMeta) return 'it is no LMDB file';
  if (bytes.readUInt32LE(pageHeadBytes + 4) !== dataVersion) return 'it is of another version of LMDB';
  const pageBytes = bytes.readUInt32LE(treesAt);
  const isPower = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
  if (!isPower || wholeAt(bytes, pageHeadBytes + 8) !== 0) return 'its head makes no sense';
  return {
    pageBytes,
    mapBytes: wholeAt(bytes, pageHeadBytes + 16),
    free: parseTree(bytes, treesAt),
    main: parseTree(bytes, treesAt + treeBytes),
    lastPage: wholeAt(bytes, treesAt + 2 * treeBytes),
    transaction: wholeAt(bytes, treesAt + 2 * treeBytes + 8),
  };
}

function parseTree(bytes: Buffer, at: number): LmdbTree {
  const isEmpty = bytes.subarray(at + 40, at + 48).every((byte) => byte === 0xff);
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: wholeAt(bytes, at + 8),
    leafPages: wholeAt(bytes, at + 16),
    overflowPages: wholeAt(bytes, at + 24),
    entries: wholeAt(bytes, at + 32),
    root: isEmpty ? undefined : wholeAt(bytes, at + 40),
  };
}

/** Size of an open file, in bytes. */
export function fileBytes(file: number): number {
  return fstatSync(file).size;
}
