/** A tiny judged collection, in the layout of `blockrank evaluate`. */
import { writeCollection } from './write-collection.ts';

const topics =
  'bread yeast,moon tides,bicycle brakes,tax returns,violin strings,frost crystals,river otters,paper kites,copper wire,honey bees'
    .split(',')
    .map((topic) => topic.split(' '));

/** Writes it: a good, a fair and a misleading document a topic, which each hold a word of the query. @param folder - New. */
export async function writeTopics(folder: string): Promise<void> {
  await writeCollection(folder, {
    documents: topics.flatMap(([one, two], i) => [
      {
        _id: `good${i}`,
        title: `${one} and ${two}`,
        text: `What is known about ${one} with ${two}, in full.`,
      },
      { _id: `fair${i}`, title: '', text: `A note on ${two} alone.` },
      { _id: `shop${i}`, title: '', text: `A shop that sold ${one} once, and furniture since.` },
    ]),
    queries: topics.map(([one, two], i) => ({ _id: `q${i}`, text: `${one} ${two} furniture` })),
    judgements: topics.flatMap(
      (_, i) =>
        [
          [`q${i}`, `good${i}`, 2],
          [`q${i}`, `fair${i}`, 1],
          [`q${i}`, `shop${i}`, 0],
        ] as const,
    ),
  });
}
