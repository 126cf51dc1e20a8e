/** The adapter that needs no server. */
export {
  type EmbeddedAdapter,
  type EmbeddedAdapterOptions,
  type EmbeddedHit,
  type EmbeddedRequest,
  type EmbeddedResponse,
  embeddedAdapter,
  type GivenIndex,
} from './embedded-adapter.ts';
export {
  buildEmbeddedIndex,
  type EmbeddedDocument,
  type EmbeddedField,
  type EmbeddedIndex,
  type EmbeddedIndexOptions,
  type EmbeddedMatch,
  type EmbeddedMatches,
  type EmbeddedSignals,
  loadEmbeddedIndex,
  type StoredIndex,
} from './index-of-documents.ts';
