/** Loaded before the program: writes a line for every text that is encoded, so that a killed process leaves its count. */
import { appendFileSync } from 'node:fs';
import { EncoderReranker } from '../../../engine/index.ts';
import { textDigest } from '../../../engine/text-digest.ts';

const path = process.env['COUNT_ENCODINGS'];
const { encodeTexts } = EncoderReranker.prototype;

EncoderReranker.prototype.encodeTexts = function (texts, options) {
  const lines = texts.map((text) => `${textDigest(text)}\n`);
  if (path !== undefined) appendFileSync(path, lines.join(''));
  return encodeTexts.call(this, texts, options);
};
