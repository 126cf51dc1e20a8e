import { describe, expect, it } from 'vitest';
import { parseChatTemplate } from '../../../engine/tokenizer/chat-template.ts';

const source = "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}{% endfor %}";
const chat = [{ role: 'user', content: ' hello ' }] as const;

describe('parseChatTemplate', () => {
  it('renders with the special tokens that the configuration names, however it spells them', () => {
    const plain = parseChatTemplate({ chat_template: source, bos_token: '<s>' }, 'c.json');
    const object = parseChatTemplate({ chat_template: source, bos_token: { content: '<s>' } }, 'c.json');
    expect(plain(chat)).toBe('<s><user>hello');
    expect(object(chat)).toBe('<s><user>hello');
  });

  it('takes the default of several templates, and a file before all of them', () => {
    const several = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: source },
    ];
    expect(parseChatTemplate({ chat_template: several }, 'c.json')(chat)).toBe('<user>hello');
    expect(parseChatTemplate({ chat_template: several }, 'c.json', 'from a file')(chat)).toBe('from a file');
  });

  it('says what is wrong with a template', () => {
    expect(() => parseChatTemplate({}, 'c.json')).toThrow(/c\.json.*chat_template, found none/);
    expect(() => parseChatTemplate({ chat_template: '{% if %}' }, 'c.json')).toThrow(/in Jinja/);
    const refusing = parseChatTemplate({ chat_template: "{{ raise_exception('no user') }}" }, 'c.json');
    expect(() => refusing(chat)).toThrow(/that renders.*no user/);
  });
});
