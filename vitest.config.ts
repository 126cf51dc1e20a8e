import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { builtWorkers } from './test/support/programs/built-workers.ts';

const config: ViteUserConfig = defineConfig({
  plugins: [builtWorkers()],
  test: {
    globalSetup: './test/support/programs/global-setup.ts',
    include: ['test/**/*.test.ts'],
    exclude: ['test/servers/**', 'test/devices/**', 'node_modules/**'],
    pool: 'forks',
    // Built programs are plain JavaScript, which Node loads by itself, so that their threads find their files.
    server: { deps: { external: [/\.cache\/programs\//] } },
    // One more than two processors: tests that wait for a time, or for a program, leave room.
    maxWorkers: 3,
    // No test is decided by its time: these bounds end only what hangs, on the busiest machine too.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 300_000 } },
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default config;
