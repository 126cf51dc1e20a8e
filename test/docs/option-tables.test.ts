import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { rerankerOptions } from '../../plugin/options/reranker-options.ts';
import { serviceOptions } from '../../plugin/options/service-options.ts';
import { optionPages } from '../../scripts/option-tables/pages.ts';
import { optionTables, withTables } from '../../scripts/option-tables/tables.ts';

const root = new URL('../../', import.meta.url);

describe('the tables of options in README and docs', async () => {
  const pages = await optionPages();

  it('say of every option what its row says: `npm run option-tables` writes them', async () => {
    for (const page of pages) {
      const text = await readFile(page, 'utf8');
      expect(withTables(text), page.pathname).toBe(text);
    }
  });

  it('are all shown, each on one page', async () => {
    const texts = await Promise.all(pages.map((page) => readFile(page, 'utf8')));
    const shown = texts.flatMap((text) =>
      [...text.matchAll(/<!-- options: ([a-z-]+) -->/g)].map(([, name]) => name),
    );
    expect(shown.sort()).toEqual(Object.keys(optionTables()).sort());
  });

  it('refuse a name that is no table', () => {
    expect(() => withTables('<!-- options: nothing -->\n<!-- end of options -->')).toThrow(
      'A page asks for the options "nothing", which are none.',
    );
  });
});

describe("the Helm chart's configuration", () => {
  /** Where the chart departs from the service's own defaults, and why. */
  const own: Readonly<Record<string, string>> = {
    drainDelayMs: 'other nodes have to learn that a pod is not ready any more before it stops to listen',
  };

  it('names options of the service and the reranker, with their defaults unless it says why not', async () => {
    const values = parse(await readFile(new URL('deploy/helm/blockrank/values.yaml', root), 'utf8')) as {
      readonly config: { readonly reranker: object; readonly service: object };
      readonly service: { readonly port: number };
    };
    expect(Object.keys(rerankerOptions)).toEqual(expect.arrayContaining(Object.keys(values.config.reranker)));
    for (const [name, value] of Object.entries(values.config.service)) {
      expect(Object.keys(serviceOptions)).toContain(name);
      const { default: wanted } = serviceOptions[name as 'deadlineMs'];
      if (!(name in own)) expect(value, name).toBe(wanted);
    }
    expect(values.service.port).toBe(serviceOptions.port.default);
  });
});
