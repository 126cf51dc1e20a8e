/** Prints, at the end of a run, how many tests passed on each server, and why one did not run. */
import type { Reporter, TestCase, TestModule } from 'vitest/node';

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

/** vitest makes one of these itself. */
class PerServerReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = new Map<string, Count>();
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const server = topName(test);
        const count = counts.get(server) ?? { passed: 0, failed: 0, skipped: 0 };
        const { state } = test.result();
        if (state !== 'pending') count[state] += 1;
        counts.set(server, count);
      }
    }
    for (const [server, { passed, failed, skipped }] of counts) {
      console.log(`${server}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
    }
  }
}

function topName(test: TestCase): string {
  let name = test.name;
  for (let at = test.parent; at.type === 'suite'; at = at.parent) name = at.name;
  return name;
}

// biome-ignore lint/style/noDefaultExport: vitest takes a reporter's default export.
export default PerServerReporter;
