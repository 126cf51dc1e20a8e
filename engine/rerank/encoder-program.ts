/** What each worker thread of an encoder model runs: tokenising, encoding, and the token head's products. */
import { join } from 'node:path';
import type { BlockCaps } from '../blocks/caps.ts';
import { toDocumentBlocks } from '../blocks/document-blocks.ts';
import { toQueryBlock } from '../blocks/query-block.ts';
import { readJson } from '../model/manifest.ts';
import type { QueryState } from '../readout/parameters.ts';
import type { WorkerProgram } from '../session/pool.ts';
import type { EncodedBlock, TokenisedDocument } from '../states/state-encoder.ts';
import { parseTokenizer, type Tokenizer } from '../tokenizer/tokenizer.ts';
