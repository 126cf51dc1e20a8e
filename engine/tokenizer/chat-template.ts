/** Chat templates: the Jinja programs that checkpoints carry. */
import { Template } from '@huggingface/jinja';
import { ModelFormatError } from '../errors.ts';

/** One turn of a chat. */
export interface ChatMessage {
  /** The speaker. */
  readonly role: 'system' | 'user' | 'assistant';
  /** The words of the turn. */
  readonly content: string;
}

/** Renders chats as a checkpoint was trained on them. */
export type ChatTemplate = (messages: readonly ChatMessage[]) => string;

interface TokenizerConfig {
  readonly chat_template?: unknown;
  readonly [name: string]: unknown;
}

/** Special tokens that templates name. */
const namedTokens = ['bos_token', 'eos_token', 'unk_token', 'pad_token'] as const;

/**
 * Reads the chat template of a `tokenizer_config.json`.
 *
 * @param json - The parsed file.
 * @param file - Content of a `chat_template.jinja` beside it, which comes first.
 * @param path - Path of the file, for errors.
 * @throws ModelFormatError when there is no template, or it is no Jinja.
 */
export function parseChatTemplate(json: unknown, path: string, file?: string): ChatTemplate {
  const config = (json ?? {}) as TokenizerConfig;
  const source = file ?? templateOf(config.chat_template);
  if (source === undefined) {
    throw new ModelFormatError({ path, expected: 'a chat_template', found: 'none' });
  }
  const tokens = Object.fromEntries(namedTokens.map((name) => [name, spellingOf(config[name])]));
  const render = (messages: readonly ChatMessage[]): string =>
    template.render({ ...tokens, messages: messages.map((message) => ({ ...message })) });
  let template: Template;
  try {
    template = new Template(source);
  } catch (cause) {
    throw new ModelFormatError(
      { path, expected: 'a chat_template in Jinja', found: String(cause) },
      { cause },
    );
  }
  return (messages) => {
    try {
      return render(messages);
    } catch (cause) {
      throw new ModelFormatError(
        { path, expected: 'a chat_template that renders', found: String(cause) },
        { cause },
      );
    }
  };
}

/** The template in a value: a text, or of several the one called `default`. */
function templateOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const named = value as readonly { readonly name?: unknown; readonly template?: unknown }[];
  const chosen = named.find(({ name }) => name === 'default') ?? named[0];
  return typeof chosen?.template === 'string' ? chosen.template : undefined;
}

function spellingOf(token: unknown): string {
  if (typeof token === 'string') return token;
  const content = (token as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : '';
}
