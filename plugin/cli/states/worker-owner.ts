/** Who a process is, among all that work on one build. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/** This process, as others see it. */
export interface ProcessIdentity {
  /** Machine, process, and a name of its own. */
  readonly owner: string;
  /** Whether the process of another owner is known to be dead: only one of this machine can be. */
  readonly isDead: (owner: string) => boolean;
}

/** This process. A process of the same machine that has ended need not be waited for. */
export function processIdentity(): ProcessIdentity {
  const start = randomUUID().slice(0, 8);
  const host = hostname();
  return {
    owner: `${host}:${process.pid}:${start}`,
    isDead(owner) {
      const [otherHost, pid, otherStart] = (owner.split('/')[0] ?? '').split(':');
      if (otherHost !== host) return false;
      // A number of ours under another name: a process that had it before.
      return Number(pid) === process.pid ? otherStart !== start : !isAlive(Number(pid));
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
