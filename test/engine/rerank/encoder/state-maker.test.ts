import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  decodeState,
  type EncoderReranker,
  openEncoderReranker,
  stateCodec,
  stateMaker,
} from '../../../../engine/index.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

let reranker: EncoderReranker;
beforeAll(async () => {
  reranker = await openEncoderReranker({ model: await tinyModel(), tier: 'anchor', warmUp: false });
});
afterAll(() => reranker.close());

describe('stateMaker', () => {
  it('makes the states that the reranker reads, in the form of the codec', async () => {
    const maker = stateMaker(reranker, stateCodec('anchor-int8'));
    const candidates = [{ docId: '1', text: 'a cat', segments: [] }];
    const { states } = await reranker.encode({ query: { text: 'dog' }, candidates, firstStage: 'unknown' });
    expect(await maker.encode(['a cat'])).toEqual(states);
    expect(await reranker.encodeTexts(['a cat'])).toEqual(states);
    const key = { encodingDigest: reranker.info.encodingDigest, textDigest: '0'.repeat(64) };
    const bytes = maker.form.encode(key, states[0]!);
    expect(decodeState(bytes, key).state!.blockTokens).toEqual(states[0]!.blockTokens);
    expect(maker).toMatchObject({ encodingDigest: key.encodingDigest, form: { name: 'anchor-int8' } });
  });

  it('does not pass anchors off as states of tokens', async () => {
    const maker = stateMaker(reranker, stateCodec('tokens-fp16'));
    await expect(maker.encode(['a cat'])).rejects.toThrow(
      /expected a reranker of tier tokens for the codec "tokens-fp16"/,
    );
  });
});
