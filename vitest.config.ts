import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { builtWorkers } from './test/support/programs/built-workers.ts';

/**
 * Files that share their workers' modules, so that engine and adapters are loaded once a worker and not once a file. The
 * others replace modules (`keys`), or count the threads of their process (`session`).
 */
const shared = [
  'test/{adapters,cli}/**/*.test.ts',
  'test/engine/*.test.ts',
  'test/engine/!(session)/**/*.test.ts',
  'test/plugin/**/!(keys).test.ts',
];

const config: ViteUserConfig = defineConfig({
  plugins: [builtWorkers()],
  test: {
    globalSetup: './test/support/programs/global-setup.ts',
    pool: 'forks',
    // One more than two processors: tests that wait for a time, or for a program, leave room.
    maxWorkers: 3,
    // No test is decided by its time: these bounds end only what hangs, on the busiest machine too.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 300_000 } },
    projects: [
      { extends: true, test: { name: 'shared', isolate: false, include: shared } },
      {
        extends: true,
        test: {
          name: 'apart',
          include: ['test/**/*.test.ts'],
          exclude: [...shared, 'test/servers/**', 'test/devices/**', 'node_modules/**'],
        },
      },
    ],
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default config;
