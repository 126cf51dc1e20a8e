import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { builtWorkers } from './test/support/programs/built-workers.ts';

/** Tests on a WebGPU device: in software each takes a minute of every core. */
const config: ViteUserConfig = defineConfig({
  plugins: [builtWorkers()],
  test: {
    globalSetup: './test/support/programs/global-setup.ts',
    include: ['test/devices/**/*.test.ts'],
    pool: 'forks',
    // No test is decided by its time: these bounds end only what hangs.
    testTimeout: 1_200_000,
    hookTimeout: 600_000,
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default config;
