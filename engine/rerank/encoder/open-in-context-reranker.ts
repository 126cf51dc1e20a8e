/** Opens a reranker over an encoder's folder whose documents see the query. */
import { ModelFormatError } from '../../errors.ts';
import { defaultModelFolder, openModelFolder } from '../../model/folder.ts';
import { readGates } from '../../model/gates-file.ts';
import { readEncoderConfig } from '../../model/read-encoder-config.ts';
import { readHeads } from '../../model/readout-heads.ts';
import { opened } from '../opened.ts';
import type { RerankerOptions } from '../reranker-options.ts';
import { toInfo } from './encoder-info.ts';
import { assertInContextOptions } from './encoder-options.ts';
import { choosePlaces } from './encoder-places.ts';
import { toProgramData } from './encoder-program-data.ts';
import { InContextEncoderReranker } from './in-context-reranker.ts';
import { openEncoderWorkers, toBatchOptions } from './open-encoder-workers.ts';
import { warmUp } from './warm-up.ts';

/**
 * Opens an encoder of the `in-context` profile.
 *
 * @throws ConfigurationError listing every option that cannot be, those of block states among them. @throws ModelFormatError
 * when the folder is none of such an encoder. @throws InferenceError when the runtime cannot load it.
 */
export async function openInContextReranker(
  options: RerankerOptions = {},
): Promise<InContextEncoderReranker> {
  try {
    return await open(options);
  } catch (error) {
    await options.stateSource?.close(); // none is kept, but whoever gave it need not know
    throw error;
  }
}

async function open(options: RerankerOptions): Promise<InContextEncoderReranker> {
  const folder = await openModelFolder(options.model ?? defaultModelFolder());
  const { path, manifest } = folder;
  const config = await readEncoderConfig(path);
  if (manifest.gates === undefined || config.blocks) {
    throw new ModelFormatError({
      path,
      expected: 'an encoder of the profile in-context, whose layers do not loop',
      found: config.blocks ? 'layers that loop' : `profile ${manifest.profile}`,
    });
  }
  assertInContextOptions(options, config);
  const gates = await readGates(path, manifest.gates, config);
  const trained =
    manifest.heads === undefined ? undefined : await readHeads(path, manifest.heads, config.width);
  const places = await choosePlaces(options);
  const model = { folder, config, depth: config.layers };
  const data = { ...(await toProgramData(options, model, places)), gates };
  const { encoding, workers } = await openEncoderWorkers(options, data, places);
  const readout = { ...manifest.readout, ...options.readout };
  const reranker = new InContextEncoderReranker({
    info: toInfo(model, { data, places, readout, headsDigest: trained?.digest }, () => encoding.isOpen),
    modelFolder: path,
    width: config.width,
    tier: data.tier,
    readout,
    heads: trained?.heads,
    workers: encoding,
    batches: toBatchOptions(data, places, workers),
  });
  return opened(reranker, async () => {
    if (options.warmUp ?? true) await warmUp(encoding, data.caps, places, workers);
  });
}
