/** Names a process among all that work on one build. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/** The identity of a process, as other processes see it. */
export interface ProcessIdentity {
  /** Machine, process id, and a random name. */
  readonly owner: string;
  /** Whether the process of another owner is known to be dead: only a process of this machine can be. */
  readonly isDead: (owner: string) => boolean;
}

/** The identity of this process. It need not wait for processes of the same machine that have ended. */
export function processIdentity(): ProcessIdentity {
  const start = randomUUID().slice(0, 8);
  const host = hostname();
  return {
    owner: `${host}:${process.pid}:${start}`,
    isDead(owner) {
      const [otherHost, pid, otherStart] = (owner.split('/')[0] ?? '').split(':');
      if (otherHost !== host) return false;
      // The same process id with another start: an earlier process that had our id.
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
