import type { TrainingList } from '../../../engine/training/trainer/training-list.ts';

/** Three documents of unlike length, the better the later. */
export const starsList: TrainingList = {
  set: 'tiny',
  queryId: 'q',
  query: 'who studies the stars',
  documents: [
    'a stew of beans and pork, cooked slowly over a small fire until it is thick and brown and smells of smoke and herbs',
    'the astronomer studies the planets of other suns',
    'stars',
  ].map((text, i) => ({ docId: `d${i}`, text, gain: i })),
};
