import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { builtWorkers } from './test/support/programs/built-workers.ts';

/** Begins with the file that takes longest and cannot be shared out: as the last one it would run alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('/webgpu.test.ts');
    const sorted = await super.sort(files);
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}

const config: ViteUserConfig = defineConfig({
  plugins: [builtWorkers()],
  test: {
    globalSetup: './test/support/programs/global-setup.ts',
    include: ['test/**/*.test.ts'],
    exclude: ['test/servers/**', 'node_modules/**'],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    maxWorkers: 2,
    // No test is decided by its time: these bounds end only what hangs, on the busiest machine too.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 300_000 } },
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default config;
