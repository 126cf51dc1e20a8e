/** The adapter that needs no server. */
export {
  type EmbeddedAdapter,
  type EmbeddedAdapterOptions,
  type EmbeddedHit,
  type EmbeddedRequest,
  type EmbeddedResponse,
  embeddedAdapter,
} from './embedded-adapter.ts';
export {
  buildEmbeddedIndex,
  type EmbeddedDocument,
  type EmbeddedField,
  type EmbeddedIndex,
  type EmbeddedIndexOptions,
  type EmbeddedMatch,
  loadEmbeddedIndex,
  type StoredIndex,
} from './index-of-documents.ts';
