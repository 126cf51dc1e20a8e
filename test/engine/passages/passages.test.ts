import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExplainedSpan } from '../../../engine/contract.ts';
import { ConfigurationError } from '../../../engine/errors.ts';
import { type PassageOptions, toPassages } from '../../../engine/passages/passages.ts';
import { countTextTokens, sentencesOf } from '../../../engine/passages/sentences.ts';

const title = 'Tides';
const body =
  'The sea rises. The moon pulls the water of the sea towards it. Boats float! Nobody knows who built them.';
const text = `${title} ${body}`;
const segments = [
  { field: 'title', start: 0, end: title.length },
  { field: 'body', start: title.length + 1, end: text.length },
];
const at = (word: string, mass: number): ExplainedSpan => {
  const start = text.indexOf(word);
  return { start, end: start + word.length, mass };
};
const words = (spans: readonly ExplainedSpan[], options?: PassageOptions): string[] =>
  toPassages([{ text, segments, spans }], options)[0]!.map(({ start, end }) => text.slice(start, end));

describe('toPassages', () => {
  it('gives the heaviest sentences in reading order, not the title of a document that says more', () => {
    const spans = [at('Tides', 0.5), at('float', 0.2), at('moon', 0.3), at('Nobody', 0.01)];
    expect(words(spans)).toEqual(['The moon pulls the water of the sea towards it.', 'Boats float!']);
    expect(words(spans, { perHit: 1 })).toEqual(['Boats float!']); // .2 / √3 is more than .3 / √11
  });

  it('gives the only sentence of a document that is a title', () => {
    const only = { text: 'Tides of the moon', segments: [], spans: [{ start: 0, end: 5, mass: 1 }] };
    expect(toPassages([only])[0]).toEqual([{ start: 0, end: 17, tokens: 4, mass: 1 }]);
  });

  it('cuts a long sentence to the window that was looked at most', () => {
    const spans = [at('pulls', 0.3), at('water', 0.2), at('towards', 0.1)];
    expect(words(spans, { maxTokens: 3, perHit: 1 })).toEqual(['pulls the water']);
    // What is left of the sentence is cut into windows too.
    expect(words(spans, { maxTokens: 3 })).toEqual(['pulls the water', 'the sea towards']);
    const unspaced = '月が海の水を引くので潮が満ちる';
    const looked = [{ start: 6, end: 7, mass: 1 }];
    const [passage] = toPassages([{ text: unspaced, segments: [], spans: looked }], { maxTokens: 4 })[0]!;
    expect(passage!.tokens).toBeLessThanOrEqual(4);
  });

  it('shares a limit in all between documents by weight, and goes on with what still fits', () => {
    const long = { text, segments, spans: [at('moon', 0.9)] };
    const short = { text: 'Boats float.', segments: [], spans: [{ start: 0, end: 5, mass: 0.05 }] };
    const counts = (maxTotalTokens: number): number[] =>
      toPassages([long, short, short], { maxTotalTokens }).map(({ length }) => length);
    expect([counts(17), counts(14), counts(3), counts(1)]).toEqual([
      [1, 1, 1],
      [1, 1, 0],
      [0, 1, 0],
      [0, 0, 0],
    ]);
  });

  it('gives what follows each other in a field as one under a limit in all, and never across fields', () => {
    const spans = [at('Boats', 0.4), at('moon', 0.4), at('Tides', 0.1)];
    expect(words(spans, { maxTotalTokens: 40 })).toEqual([
      'The moon pulls the water of the sea towards it. Boats float!',
    ]);
    const [one] = toPassages([{ text, segments, spans }], { maxTotalTokens: 40 })[0]!;
    expect(one).toMatchObject({ tokens: 14, mass: 0.8 });
    const [a, b] = ['It rains. It pours.', 'It snows. It thaws.'];
    const both = {
      text: `${a} ${b}`,
      segments: [
        { field: 'a', start: 0, end: a.length },
        { field: 'b', start: a.length + 1, end: a.length + 1 + b.length },
      ],
      spans: [0, 10, 20, 30].map((start) => ({ start, end: start + 2, mass: 0.2 })),
    };
    expect(toPassages([both], { maxTotalTokens: 40 })[0]).toMatchObject([
      { start: 0, end: 19 },
      { start: 20, end: 39 },
    ]);
  });

  it('gives none of a document without words or without masses, and takes no number that is none', () => {
    const nothing = { text: '', segments: [], spans: [] };
    const broken = { text, segments, spans: [at('moon', Number.NaN)] };
    expect(toPassages([nothing, { text, segments, spans: [] }, broken])).toEqual([[], [], []]);
    expect(toPassages([])).toEqual([]);
  });

  it('refuses options that cannot be, all of them at once', () => {
    const wrong = { perHit: 0, maxTokens: 1.5, maxTotalTokens: Number.NaN };
    const call = () => toPassages([], wrong);
    expect(call).toThrow(ConfigurationError);
    try {
      call();
    } catch (error) {
      expect((error as ConfigurationError).issues.map(({ path }) => path)).toEqual(Object.keys(wrong));
    }
    expect(() => toPassages([], { perhit: 2 } as PassageOptions)).toThrow('did you mean perHit?');
  });

  it('keeps every limit, inside the text, for any text', () => {
    const document = fc.string({ unit: 'grapheme', maxLength: 80 }).chain((own) =>
      fc.record({
        text: fc.constant(own),
        segments: fc.constant([]),
        spans: fc.array(
          fc.record({
            start: fc.nat(own.length),
            end: fc.nat(own.length),
            mass: fc.double({ min: 0, max: 1 }),
          }),
        ),
      }),
    );
    const limits = fc.record({
      perHit: fc.integer({ min: 1, max: 3 }),
      maxTokens: fc.integer({ min: 1, max: 9 }),
      maxTotalTokens: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(document, { maxLength: 4 }), limits, (documents, options) => {
        const passages = toPassages(documents, options);
        expect(passages).toHaveLength(documents.length);
        const all = passages.flat();
        expect(all.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(
          options.maxTotalTokens ?? Number.POSITIVE_INFINITY,
        );
        passages.forEach((own, i) => {
          expect(own.length).toBeLessThanOrEqual(options.perHit);
          for (const { start, end, tokens } of own) {
            if (options.maxTotalTokens === undefined) expect(tokens).toBeLessThanOrEqual(options.maxTokens);
            expect(documents[i]!.text.slice(start, end).trim()).not.toBe('');
          }
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe('sentencesOf', () => {
  it.each([
    ['Based on a paper by Michael E. Mann, Raymond S. Bradley and Malcolm K. Hughes. It was read.', 2],
    ['The T. T. Tsui Gallery opened. See Fig. 3 of Dr. Smith, U.S. Army, et al. (1999).', 2],
    ['Vitamins help. So do walks! Is it so? Yes.', 4],
    ['It ends in an initial, A.', 1],
    ['The answer is no. It is art. Apart.', 3],
  ])('does not end at an abbreviation: %s', (words, count) => {
    const found = sentencesOf(words, { start: 0, end: words.length });
    expect(found).toHaveLength(count);
    expect(found.map(({ start, end }) => words.slice(start, end)).join(' ')).toBe(words);
  });

  it('leaves out white space at the ends, and what has no words', () => {
    const marks = '  One. \n---\n Two?\n';
    expect(
      sentencesOf(marks, { start: 0, end: marks.length }).map(({ start, end }) => marks.slice(start, end)),
    ).toEqual(['One.', 'Two?']);
  });
});

describe('countTextTokens', () => {
  it('counts words by eight letters, marks, and characters of scripts without spaces', () => {
    expect(['', 'moon', 'astronomer', 'no!', '月が海'].map(countTextTokens)).toEqual([0, 1, 2, 2, 3]);
  });
});
