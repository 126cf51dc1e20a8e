import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
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
