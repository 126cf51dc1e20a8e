import { totalmem } from 'node:os';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { builtWorkers } from './test/support/programs/built-workers.ts';

const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);

const config: ViteUserConfig = defineConfig({
  plugins: [builtWorkers()],
  test: {
    globalSetup: './test/support/programs/global-setup.ts',
    include: ['test/servers/**/*.test.ts'],
    pool: 'forks',
    // Two servers at once, where there is memory for them: each takes a gigabyte, or two with ML Commons.
    maxWorkers: memoryBytes < 8 * 1024 ** 3 ? 1 : 2,
    // No test is decided by its time: these bounds end only what hangs. The first start of a version downloads it.
    testTimeout: 600_000,
    hookTimeout: 1_200_000,
    expect: { poll: { timeout: 300_000 } },
    reporters: ['default', './test/support/servers/per-server-reporter.ts'],
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default config;
