/**
 * Checks whether an LMDB file can be mapped. LMDB trusts every number in a file: one page number beyond the file's end,
 * or one page that is both free and in use, ends the process with a signal. So the check looks at every page that LMDB
 * could follow.
 */
import {
  fileBytes,
  type LmdbMeta,
  type LmdbTree,
  pageHeadBytes,
  pageKinds,
  readAt,
  readMeta,
  wholeAt,
} from './lmdb-pages.ts';

/** Most attempts to check a file that another process changes meanwhile. */
const attempts = 20;

/**
 * The fault of an open file, as the end of a sentence; `undefined` when it has none. A file without bytes is a new one.
 * The check reads every page of the trees and every large value's first page, and no values.
 *
 * @param file - Descriptor, open for reading.
 */
export function lmdbDamage(file: number): string | undefined {
  if (fileBytes(file) === 0) return undefined;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const meta = readMeta(file);
    const damage = typeof meta === 'string' ? meta : new PageWalk(file, meta).damage();
    if (damage === undefined) return undefined;
    const next = readMeta(file);
    // Another process may write over a page that this one has yet to read; then there is a newer transaction.
    const isSame = JSON.stringify(next) === JSON.stringify(meta);
    if (isSame) return damage;
  }
  return undefined; // the file changes all the time: the process that changes it can read it
}

/** The flags that trees of this program have. */
const treeFlags = { free: 8, main: 0 } as const;
/** The flags that say how keys and values are kept; other flags tell how the file was opened. */
const layoutFlags = 0x7e;
/** Flag of a node whose value lies on separate pages. */
const bigNode = 1;
const nodeHeadBytes = 8;
/** Most levels of a tree that the check follows. */
const mostLevels = 32;
/** Page 0 and page 1 are the meta pages. */
const firstPage = 2;

class Damage extends Error {}

/** A walk over all pages that a transaction can reach. */
class PageWalk {
  readonly #file: number;
  readonly #meta: LmdbMeta;
  readonly #pagesOfFile: number;
  /** One bit a page: whether the page belongs to a tree or is free. */
  readonly #taken: Uint8Array;
  #counts = { branch: 0, leaf: 0, overflow: 0, entries: 0 };

  constructor(file: number, meta: LmdbMeta) {
    this.#file = file;
    this.#meta = meta;
    const bytes = fileBytes(file);
    this.#pagesOfFile = Math.floor(bytes / meta.pageBytes);
    const pages = Math.min(meta.lastPage, largestLastPage(bytes, meta)) + 1;
    this.#taken = new Uint8Array((pages >> 3) + 1);
  }

  damage(): string | undefined {
    try {
      this.#checkSizes();
      this.#checkTree(this.#meta.main, treeFlags.main, () => undefined);
      const freed: Buffer[] = [];
      this.#checkTree(this.#meta.free, treeFlags.free, (read) => freed.push(read()));
      for (const list of freed) this.#checkFreed(list);
      return undefined;
    } catch (error) {
      if (error instanceof Damage) return error.message;
      throw error;
    }
  }

  #checkSizes(): void {
    const { pageBytes, mapBytes, lastPage } = this.#meta;
    const bytes = this.#pagesOfFile * pageBytes;
    const isMapped = mapBytes % 4096 === 0 && mapBytes >= (lastPage + 1) * pageBytes;
    if (!isMapped || mapBytes > 64 * bytes + 2 ** 32 || lastPage > largestLastPage(bytes, this.#meta)) {
      throw new Damage('its head makes no sense');
    }
  }

  #checkTree(tree: LmdbTree, flags: number, onValue: OnValue): void {
    this.#counts = { branch: 0, leaf: 0, overflow: 0, entries: 0 };
    if ((tree.flags & layoutFlags) !== flags || tree.depth > mostLevels)
      throw new Damage('its head makes no sense');
    if ((tree.root === undefined) !== (tree.depth === 0)) throw new Damage('its head makes no sense');
    if (tree.root !== undefined) this.#checkPage(tree.root, tree.depth, onValue);
    const { branch, leaf, overflow, entries } = this.#counts;
    const isWhole =
      branch === tree.branchPages &&
      leaf === tree.leafPages &&
      overflow === tree.overflowPages &&
      entries === tree.entries;
    if (!isWhole) throw new Damage('entries are missing');
  }

  /** @param levels - Levels from this page down to the leaves, itself included. */
  #checkPage(number: number, levels: number, onValue: OnValue): void {
    const kind = levels === 1 ? 'leaf' : 'branch';
    const page = this.#page(number, kind);
    this.#counts[kind] += 1;
    const ends = page.readUInt16LE(20);
    const starts = page.readUInt16LE(22);
    const nodes = ends >> 1;
    const room = page.length - pageHeadBytes;
    const isPlausible = ends % 2 === 0 && ends <= starts && starts <= room && nodes >= (levels === 1 ? 1 : 2);
    if (!isPlausible) throw unreadable(number);
    for (let i = 0; i < nodes; i += 1) {
      const offset = page.readUInt16LE(pageHeadBytes + 2 * i);
      if (offset < starts || offset + nodeHeadBytes > room) throw unreadable(number);
      const node = page.subarray(pageHeadBytes + offset);
      if (levels === 1) this.#checkLeafNode(node, number, onValue);
      else this.#checkBranchNode(node, number, () => this.#checkPage(childOf(node), levels - 1, onValue));
    }
  }

  #checkBranchNode(node: Buffer, page: number, descend: () => void): void {
    if (nodeHeadBytes + node.readUInt16LE(6) > node.length) throw unreadable(page);
    descend();
  }

  #checkLeafNode(node: Buffer, page: number, onValue: OnValue): void {
    this.#counts.entries += 1;
    const length = node.readUInt32LE(0);
    const flags = node.readUInt16LE(4);
    const valueAt = nodeHeadBytes + node.readUInt16LE(6);
    if (flags === 0 && valueAt + length <= node.length) {
      onValue(() => node.subarray(valueAt, valueAt + length));
      return;
    }
    if (flags !== bigNode || valueAt + 8 > node.length) throw unreadable(page);
    const number = wholeAt(node, valueAt);
    const { pageBytes } = this.#meta;
    const pages = this.#page(number, 'overflow', pageHeadBytes).readUInt32LE(20);
    // A value that was made shorter in one transaction may keep the pages that it had.
    if (pages < Math.ceil((pageHeadBytes + length) / pageBytes) || number + pages > this.#pagesOfFile) {
      throw unreadable(number);
    }
    for (let more = 1; more < pages; more += 1) this.#take(number + more);
    this.#counts.overflow += pages;
    onValue(() => readAt(this.#file, number * pageBytes + pageHeadBytes, length));
  }

  #page(number: number, kind: keyof typeof pageKinds, length: number = this.#meta.pageBytes): Buffer {
    this.#take(number);
    const isThere = number < this.#pagesOfFile;
    const page = isThere ? readAt(this.#file, number * this.#meta.pageBytes, length) : Buffer.alloc(0);
    const isOne =
      page.length === length && wholeAt(page, 0) === number && page.readUInt16LE(18) === pageKinds[kind];
    if (!isOne) throw unreadable(number);
    return page;
  }

  /**
   * A list of free pages: the count of numbers that follow; a negative number says how many pages the next one stands
   * for.
   */
  #checkFreed(list: Buffer): void {
    const count = list.length < 8 ? Number.NaN : wholeAt(list, 0);
    if (!(8 * (count + 1) <= list.length)) throw new Damage('its list of free pages makes no sense');
    let pages = 1;
    for (let i = 1; i <= count; i += 1) {
      const value = Number(list.readBigInt64LE(8 * i));
      if (value < 0) {
        pages = -value;
        continue;
      }
      // 0 is a hole in the list.
      for (let page = value; value > 0 && page < value + pages; page += 1) this.#take(page);
      pages = 1;
    }
  }

  /** Claims a page; fails when the page was claimed before. */
  #take(page: number): void {
    if (page < firstPage || page > this.#meta.lastPage) throw unreadable(page);
    const bit = 1 << (page & 7);
    if (this.#taken[page >> 3]! & bit) throw new Damage(`page ${page} is claimed twice`);
    this.#taken[page >> 3]! |= bit;
  }
}

/** Gets a function that reads a value: most values are never read. */
type OnValue = (read: () => Buffer) => void;

/** Free pages may lie behind the file's end; a file of ours never has more than this. */
function largestLastPage(bytes: number, { pageBytes }: LmdbMeta): number {
  return 16 * Math.ceil(bytes / pageBytes) + 65_536;
}

/** The page that a branch's node leads to. */
function childOf(node: Buffer): number {
  return node.readUInt32LE(0) + node.readUInt16LE(4) * 2 ** 32;
}

function unreadable(page: number): Damage {
  return new Damage(`page ${page} cannot be read`);
}
