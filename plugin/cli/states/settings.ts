/** Settings of `blockrank states`: options first, and the configuration file for everything that they leave out. */
import { resolve } from 'node:path';
import { type DocumentTextOptions, defaultSeparator } from '../../../adapters/document-text.ts';
import { assertReads } from '../../config/built-states.ts';
import { type BlockRankConfig, loadConfig } from '../../config/index.ts';
import type { RerankerConfig } from '../../config/reranker-schema.ts';
import { defaultStatesCodec } from '../../config/stored-states.ts';
import { withoutUndefined } from '../../config/without-undefined.ts';
import { type ServerSection, serverOfFlags } from '../connection-section.ts';
import type { CliContext } from '../context.ts';
import { wrongOption } from '../errors.ts';
import type { PlaceFlags, TextFlags } from './flags.ts';
import { type PlaceSettings, placeSettings } from './place.ts';
import { codecOf, type MakerSettings } from './state-maker.ts';

/** A server, an index, and the place of its states. */
export interface StatesSettings {
  /** The server. */
  readonly server: ServerSection;
  /** Index, alias, data stream or pattern. */
  readonly index: string;
  /** The place. */
  readonly place: PlaceSettings;
  /** The file, where one is given. */
  readonly file: BlockRankConfig | undefined;
}

/** The texts, and their encoder. */
export interface TextSettings {
  /** Fields, separator, template. */
  readonly text: DocumentTextOptions;
  /** The encoder, and the form of states. */
  readonly maker: MakerSettings & { readonly codec: string };
}

/** Settings of every command. @throws ConfigurationError when options and file name no server or no index, or two servers. */
export async function statesSettings({ env }: CliContext, flags: PlaceFlags): Promise<StatesSettings> {
  const file = flags.config === undefined ? undefined : await loadConfig(flags.config, env);
  const index = flags.index ?? file?.index.name;
  const server = serverOf(flags, file);
  if (index === undefined) throw wrongOption('--index', 'required: index, alias, data stream or pattern');
  return { server, index, place: placeSettings(flags, file?.index.states), file };
}

/**
 * Settings of the commands that know texts and encoder.
 *
 * @throws ConfigurationError when the form does not exist, or when searches by the file would not read it.
 */
export function textSettings(flags: TextFlags, { file }: Pick<StatesSettings, 'file'>): TextSettings {
  const { field: fields, separator, template } = flags;
  const codec = codecOfFlags(flags) ?? file?.index.states?.codec ?? defaultStatesCodec;
  if (file) assertReads(file, codec);
  const own = fields === undefined && template === undefined ? file?.index : undefined;
  return {
    text: { fields: own?.textFields ?? fields, separator: separator ?? file?.index.separator, template },
    maker: {
      ...file?.reranker,
      ...(flags.model !== undefined && { model: flags.model }),
      ...(flags.precision && { precision: flags.precision }),
      ...(flags.device && { device: flags.device }),
      ...(flags.depth !== undefined && { depth: flags.depth }),
      ...(flags.loops !== undefined && { loops: flags.loops }),
      ...(flags.residual !== undefined && { residual: flags.residual }),
      codec,
    },
  };
}

/**
 * Checks that a build keeps the states that searches read readable for them.
 *
 * @throws ConfigurationError when options name another encoder, form or text than the file, and the file names the
 * place.
 */
export function assertOwnPlace(
  flags: TextFlags,
  { file, place }: StatesSettings,
  settings: TextSettings,
): void {
  if (!file || !place.isOfFile || isOfFile(flags, file, settings)) return;
  const name = place.to === 'field' ? '--state-field' : '--generation';
  const message = 'the options name another model, form or text than the file, whose states are in use';
  throw wrongOption(name, `required: ${message}; say where the new ones go`);
}

function isOfFile(
  flags: TextFlags,
  { index, reranker }: BlockRankConfig,
  { text, maker }: TextSettings,
): boolean {
  const { model } = reranker;
  const { precision, device } = flags;
  const { textFields, separator = defaultSeparator, states } = index;
  return (
    (flags.model === undefined || resolve(flags.model) === model) &&
    precisionOf({ ...reranker, ...withoutUndefined({ precision, device }) }) === precisionOf(reranker) &&
    maker.depth === reranker.depth &&
    maker.loops === reranker.loops &&
    maker.residual === reranker.residual &&
    maker.codec === (states?.codec ?? defaultStatesCodec) &&
    text.fields?.join() === textFields.join() &&
    (text.separator ?? defaultSeparator) === separator
  );
}

/** What decides the precision: itself, or the device where none is named. */
function precisionOf({ precision, device = 'cpu' }: Pick<RerankerConfig, 'precision' | 'device'>): string {
  return precision ?? (device === 'cpu' ? 'fp32' : `as ${device} has it`);
}

function serverOf(flags: PlaceFlags, file: BlockRankConfig | undefined): ServerSection {
  const flagged = serverOfFlags(flags);
  if (flagged && file) throw wrongOption('', 'give a server by options, or by --config, not both');
  if (flagged) return flagged;
  if (!file) {
    throw wrongOption(
      '',
      "give the server's address, --elasticsearch <url> or --opensearch <url>, or --config <file>",
    );
  }
  const { elasticsearch, opensearch } = file;
  return elasticsearch ? { elasticsearch } : { opensearch: opensearch! };
}

function codecOfFlags({ tier, codec: name }: TextFlags): string | undefined {
  if (name === undefined) return tier && `${tier}-fp16`;
  const codec = codecOf(name);
  if (tier === undefined || tier === codec.tier) return name;
  throw wrongOption('--tier', `"${tier}" contradicts --codec ${name}`);
}
