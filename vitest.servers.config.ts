import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { builtWorkers } from './test/support/programs/built-workers.ts';

const config: ViteUserConfig = defineConfig({
  plugins: [builtWorkers()],
  test: {
    globalSetup: './test/support/programs/global-setup.ts',
    include: ['test/servers/**/*.test.ts'],
    pool: 'forks',
    // One server after another: each takes most of a gigabyte.
    fileParallelism: false,
    testTimeout: 120_000,
    // The first start of a version downloads it.
    hookTimeout: 600_000,
    reporters: ['default', './test/support/servers/per-server-reporter.ts'],
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default config;
