import { describe, expect, it } from 'vitest';
import { loadedModules } from '../support/programs/loaded-modules.ts';

describe('the modules that blockrank loads', () => {
  it('are the declarations of the commands for --help, and neither engine nor adapters', async () => {
    const { code, own, packages } = await loadedModules(['--help']);
    expect(code).toBe(0);
    expect([...packages].sort()).toEqual(['commander', 'picocolors']);
    expect(own).toContain('plugin/cli/rerank/rerank-command');
    // Errors are told apart by their classes; that file imports nothing.
    expect(own.filter((name) => !name.startsWith('plugin/'))).toEqual(['engine/errors']);
    const actions = own.filter((name) => /\/(evaluate|tune|rerank|serve|proxy|install|build)$/.test(name));
    expect(actions).toEqual([]);
    expect(own.length).toBeLessThan(70);
  });

  it('are what ranks two texts for rerank, and neither servers, files, stores nor plots', async () => {
    const { code, own, packages } = await loadedModules([
      'rerank',
      'who studies stars',
      'a doctor for animals',
      'an astronomer looks at the sky',
    ]);
    expect(code).toBe(0);
    expect([...packages].sort()).toEqual([
      '@huggingface/jinja',
      '@huggingface/tokenizers',
      'cockatiel',
      'commander',
      'lru-cache',
      'onnxruntime-common',
      'onnxruntime-node',
      'picocolors',
      'zod',
    ]);
    expect(own).toContain('plugin/cli/rerank/rerank');
    // What a field's value is to a score step: twenty lines that import nothing.
    expect(own.filter((name) => name.startsWith('adapters/'))).toEqual(['adapters/signal-value']);
    const rooms = new Set(own.map((name) => name.split('/').slice(0, 2).join('/')));
    for (const room of ['service', 'proxy', 'middleware', 'testing'])
      expect(rooms).not.toContain(`plugin/${room}`);
    for (const room of ['evaluation', 'training']) expect(rooms).not.toContain(`engine/${room}`);
    expect(own.filter((name) => name.endsWith('-command')).length).toBeGreaterThan(10);
  });
});
