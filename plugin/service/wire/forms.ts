/** All wire forms. */
import { cohereV1, cohereV2 } from './cohere.ts';
import { jina } from './jina.ts';
import { native } from './native.ts';
import { tei } from './tei.ts';
import { union } from './union.ts';
import { voyage } from './voyage.ts';
import type { WireForm } from './wire-form.ts';

/** Every form, the one for search servers first. */
export const wireForms: readonly WireForm[] = [union, cohereV1, cohereV2, jina, voyage, tei, native];
