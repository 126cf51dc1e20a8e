/** A handful of documents for the examples that need no server. */
export const documents: readonly { docId: string; title: string; text: string }[] = [
  {
    docId: '1',
    title: 'Sunset',
    text: 'The sun sets over the sea in the evening, and food is served by its light.',
  },
  { docId: '2', title: 'Photosynthesis', text: 'Plants turn sunlight, water and carbon dioxide into sugar.' },
  { docId: '3', title: 'Market', text: 'Food from the market is cheaper in the evening.' },
  { docId: '4', title: 'Astronomy', text: 'The study of stars, planets and galaxies.' },
];
