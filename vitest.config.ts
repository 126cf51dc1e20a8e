import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { builtWorkers } from './test/support/programs/built-workers.ts';

const config: ViteUserConfig = defineConfig({
  plugins: [builtWorkers()],
  test: {
    globalSetup: './test/support/programs/global-setup.ts',
    include: ['test/**/*.test.ts'],
    exclude: ['test/servers/**', 'node_modules/**'],
    pool: 'forks',
    maxWorkers: 2,
    // Opening a model in a worker thread takes seconds on a busy machine; no test is decided by its time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default config;
