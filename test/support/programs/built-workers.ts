/**
 * A vitest plugin for modules that start worker threads: a module that asks whether it runs from source gets the path
 * of its built twin. The thread then runs plain JavaScript and opens in a third of the time; the test's own thread
 * still runs the source.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vitest/config';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const built = fileURLToPath(new URL('./built.ts', import.meta.url));
/** How a module asks: by itself, or through the function that every opener of programs calls. */
const questions = ["import.meta.url.endsWith('.ts')", 'programModule('];

export function builtWorkers(): Plugin {
  return {
    name: 'built-workers',
    enforce: 'pre',
    // Built programs are plain JavaScript, which Node loads by itself, so that their threads find their files.
    config: () => ({ test: { server: { deps: { external: [/\.cache\/programs\//] } } } }),
    transform(code, id) {
      if (!id.startsWith(root) || !questions.some((each) => code.includes(each))) return undefined;
      // Asked when a thread starts, since in watch mode the sources change under this module.
      const twin = `builtTwin(${JSON.stringify(relative(root, id))}).href`;
      const imported = `import { builtUrl as builtTwin } from ${JSON.stringify(built)};`;
      return { code: `${code.replaceAll('import.meta.url', twin)}\n${imported}`, map: null };
    },
  };
}
