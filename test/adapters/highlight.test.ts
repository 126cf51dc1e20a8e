import { describe, expect, it } from 'vitest';
import { toHighlight } from '../../adapters/highlight.ts';

const title = 'Tides — “café” 🐧';
const body = `${'word '.repeat(40)}the moon pulls the sea ${'other '.repeat(40)}`;
const text = `${title} ${body}`;
const segments = [
  { field: 'title', start: 0, end: title.length },
  { field: 'body', start: title.length + 1, end: text.length },
];
const at = (words: string, mass: number): { start: number; end: number; mass: number } => {
  const start = text.indexOf(words);
  return { start, end: start + words.length, mass };
};

describe('toHighlight', () => {
  it('marks the heaviest words by field, whole words around them', () => {
    const highlight = toHighlight({ text, segments }, [
      at('moon', 0.4),
      at('café', 0.3),
      at('sea', 0.2),
      at('word', 0.1),
    ]);
    expect(highlight).toEqual({
      title: ['Tides — “<em>café</em>” 🐧'],
      body: [expect.stringMatching(/^word .*the <em>moon<\/em> pulls the sea .*other$/)],
    });
    expect(highlight!['body']![0]!.length).toBeLessThan(140);
  });

  it('marks half of the attention, and joins places with nothing between them', () => {
    const emoji = toHighlight({ text, segments }, [at('🐧', 0.4), at('café', 0.3), at('Tides', 0.2)]);
    expect(emoji).toEqual({ title: ['Tides — “<em>café</em>” <em>🐧</em>'] });
    const { body: fragments } = toHighlight({ text, segments }, [
      at('pulls', 0.35),
      at('moon ', 0.3),
      at('sea', 0.2),
    ])!;
    expect(fragments![0]).toContain('the <em>moon pulls</em> the sea');
  });

  it('says nothing where nothing lies in a field', () => {
    expect(toHighlight({ text, segments: [] }, [at('moon', 1)])).toBeUndefined();
    expect(toHighlight({ text, segments }, [])).toBeUndefined();
  });
});
