/** The documents with which an installation is tried, on either server. */

/** Two documents, of which the first is about the words. Nothing depends on their order. */
export const sampleDocuments: readonly string[] = [
  'BlockRank reads query and candidates together.',
  'A page about something else.',
];

/** The fault, in words, of an answer about {@link sampleDocuments} with this number of scores. */
export function wrongScoreCount(count: number): string {
  return `it gave ${count} scores for ${sampleDocuments.length} documents. Searches would fail: the service has to answer for every document, and for no other.`;
}
