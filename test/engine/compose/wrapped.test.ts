import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { rerankerMembers } from '../../../engine/compose/wrapped.ts';
import {
  failoverReranker,
  fusion,
  type Reranker,
  shadowReranker,
  steppedReranker,
  wrapped,
} from '../../../engine/index.ts';
import { RerankerShelf, shelfOpener } from '../../../plugin/compose/reranker-shelf.ts';
import { guardedReranker } from '../../../plugin/service/guarded-reranker.ts';
import { serviceMetrics } from '../../../plugin/service/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

type Member = keyof Reranker;

/** Members that a fake does not have: they name who was called, so that a test knows where a call arrived. */
const optional = rerankerMembers.filter((name) => !(name in fakeReranker()));
const asked = (name: Member, owner: string): unknown => ({ name, owner });

/** A reranker with every member of the contract. */
function wholeReranker(owner: string): Reranker {
  const extras = optional.map((name) => [
    name,
    name === 'embedder' ? asked(name, owner) : async () => asked(name, owner),
  ]);
  return Object.assign(fakeReranker({ info: { name: owner } }), Object.fromEntries(extras));
}

const metrics = serviceMetrics();
/** Everything in this code base that is a reranker around another. */
const wrappers: Readonly<Record<string, (inner: Reranker) => Reranker | Promise<Reranker>>> = {
  wrapped: (inner) => wrapped(inner, {}),
  failoverReranker: (inner) => failoverReranker({ rerankers: [inner, fakeReranker()] }),
  shadowReranker: (inner) =>
    shadowReranker({ primary: inner, shadow: fakeReranker(), onComparison: () => {} }),
  steppedReranker: (inner) => steppedReranker(inner, [fusion()]),
  guardedReranker: (inner) => guardedReranker({ reranker: inner, breaker: {}, model: 'm', metrics }),
};

async function answerOf(reranker: Reranker, name: Member): Promise<unknown> {
  const member = reranker[name] as unknown;
  return typeof member === 'function' ? await member.call(reranker, []) : member;
}

describe('a reranker around another', () => {
  it('is tried with every optional member that the contract has', () => {
    expect([...optional].sort()).toEqual(['anchors', 'countTokens', 'embedder', 'prepare', 'readAnchor']);
  });

  describe.each(Object.entries(wrappers))('%s', (_name, wrap) => {
    it.each(optional)('forwards %s', async (name) => {
      const around = await wrap(wholeReranker('inner'));
      expect(await answerOf(around, name)).toEqual(asked(name, 'inner'));
    });

    it.each(optional)('has no %s where the other has none', async (name) => {
      const around = await wrap(fakeReranker());
      expect(around[name]).toBeUndefined();
    });

    it('ranks as the other does, and closes it', async () => {
      const inner = fakeReranker();
      const around = await wrap(inner);
      const { candidates } = await around.rerank(shortlistOf('dogs', 'cats', 'dogs'));
      expect(candidates.map(({ index }) => index)).toEqual([1, 0]);
      expect(around.info.name).toBe('fake');
      await around.close();
      await expect(inner.rerank(shortlistOf('dogs', 'dogs'))).rejects.toThrow(TypeError);
    });
  });

  it.each(optional)('taken from a shelf forwards %s', async (name) => {
    const shelf = new RerankerShelf();
    const config = { model: 'from the shelf' };
    const held = shelf.take(JSON.stringify(config), async () => wholeReranker('inner'));
    await held.reranker;
    const around = await shelfOpener(shelf)(config as never);
    expect(await answerOf(around, name)).toEqual(asked(name, 'inner'));
    await shelf.close();
  });
});

describe('wrapped', () => {
  it('reads what the other says of itself anew each time', () => {
    let ready = true;
    const around = wrapped({ ...fakeReranker(), ...infoOf(() => ready) }, {});
    ready = false;
    expect(around.info.ready).toBe(false);
  });

  it('keeps a getter among the changes one', () => {
    let name = 'before';
    const around = wrapped(fakeReranker(), {
      get info() {
        return { ...fakeReranker().info, name };
      },
    });
    name = 'after';
    expect(around.info.name).toBe('after');
  });

  it('calls the other as the other, also when it is a class with private fields', async () => {
    class Counting {
      readonly #count = 7;
      readonly info = fakeReranker().info;
      readonly rerank = fakeReranker().rerank;
      async countTokens(): Promise<number> {
        return this.#count;
      }
      async close(): Promise<void> {}
    }
    const { countTokens } = wrapped(new Counting(), {});
    expect(await countTokens?.(shortlistOf('dogs'))).toBe(7);
  });
});

describe('the code base', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const folders = ['engine', 'plugin', 'adapters', 'bench', 'examples', 'scripts', 'test'];

  it('writes no reranker around another by hand', () => {
    const found = folders.flatMap((folder) => handWritten(root, folder));
    expect(found, 'make it with wrapped(reranker, changes), which forwards all members').toEqual([]);
  });

  it('is searched for what stood there by hand before', () => {
    const old = `const counted = (reranker: Reranker): Reranker => ({
      get info() { return reranker.info; },
      rerank: (shortlist, options) => reranker.rerank(shortlist, options),
      close: () => reranker.close(),
    });`;
    expect(handWrittenIn('old.ts', old)).toEqual(['old.ts:1']);
    expect(handWrittenIn('bound.ts', 'const a = { rerank: inner.rerank.bind(inner), close };')).toEqual([
      'bound.ts:1',
    ]);
    expect(handWrittenIn('new.ts', 'const a = wrapped(inner, { rerank: (s) => inner.rerank(s) });')).toEqual(
      [],
    );
  });
});

function infoOf(ready: () => boolean): Pick<Reranker, 'info'> {
  const { info } = fakeReranker();
  return {
    info: {
      ...info,
      get ready() {
        return ready();
      },
    },
  };
}

function handWritten(root: string, folder: string): readonly string[] {
  const files = readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .flatMap((file) => handWrittenIn(`${folder}/${file}`, readFileSync(`${root}/${folder}/${file}`, 'utf8')));
}

/** Objects and classes whose own `rerank` asks another one's, and which `wrapped` did not make; as `file:line`. */
function handWrittenIn(file: string, text: string): readonly string[] {
  if (!/\.rerank(\(|\.)/.test(text)) return [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isHolder = ts.isObjectLiteralExpression(node) || ts.isClassLike(node);
    if (isHolder && asksAnother(node) && !isWrapped(node)) {
      found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function asksAnother(node: ts.ObjectLiteralExpression | ts.ClassLikeDeclaration): boolean {
  const members: readonly (ts.ObjectLiteralElementLike | ts.ClassElement)[] = ts.isClassLike(node)
    ? node.members
    : node.properties;
  const own = members.find(({ name }) => name !== undefined && name.getText() === 'rerank');
  return own !== undefined && /\.rerank(\(|\.bind\b|\.call\b|\.apply\b)/.test(own.getText());
}

function isWrapped({ parent }: ts.Node): boolean {
  return ts.isCallExpression(parent) && parent.expression.getText() === 'wrapped';
}
