/** Reads what makes a decoder's prompts; nothing else of its folder, so that workers start quickly. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChatTemplate, parseChatTemplate } from '../tokenizer/chat-template.ts';
import { type PromptTokenizer, parsePromptTokenizer } from '../tokenizer/prompt-tokenizer.ts';
import { readGguf } from '../weights/gguf.ts';
import { ggufPath } from './gguf-path.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { readJson } from './read-json.ts';

/** The tools that make a decoder's prompts. */
export interface PromptTools {
  /** Text to ids. */
  readonly tokenizer: PromptTokenizer;
  /** The checkpoint's chat template. */
  readonly chat: ChatTemplate;
}

/** Reads the tokenizer and the chat template of a decoder. @throws ModelFormatError */
export async function readPromptTools(model: string): Promise<PromptTools> {
  const file = ggufPath(model);
  if (file) {
    const { metadata } = await readGguf(file);
    const { tokenizer, config } = ggufTokenizer(metadata, file);
    return { tokenizer: parsePromptTokenizer(tokenizer, file), chat: parseChatTemplate(config, file) };
  }
  const at = (name: string): string => join(model, name);
  const template = at('chat_template.jinja');
  return {
    tokenizer: parsePromptTokenizer(await readJson(at('tokenizer.json')), at('tokenizer.json')),
    chat: parseChatTemplate(
      await readJson(at('tokenizer_config.json')),
      at('tokenizer_config.json'),
      existsSync(template) ? await readFile(template, 'utf8') : undefined,
    ),
  };
}
