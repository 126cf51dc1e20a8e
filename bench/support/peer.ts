/** A peer in a process of its own, from a folder with a package.json of its own. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The peer's process and its answers. */
export class Peer<Answer = undefined> {
  readonly #child: ChildProcess;
  #asked = 0;

  constructor(folder: string) {
    this.#child = fork(join(folder, 'peer.mjs'), { serialization: 'advanced', execArgv: [] });
  }

  /** Sends a request; `anchors` of the answer is what comes back. */
  ask(request: object): Promise<Answer | undefined> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      const listen = (answer: { id: number; anchors?: Answer; error?: string }): void => {
        if (answer.id !== id) return;
        this.#child.off('message', listen).off('exit', fail);
        if (answer.error) reject(new Error(answer.error));
        else resolve(answer.anchors);
      };
      const fail = (): void =>
        reject(new Error(`The peer's process ended before it answered ${JSON.stringify(request)}.`));
      this.#child.on('message', listen).on('exit', fail);
      this.#child.send({ id, ...request });
    });
  }

  async close(): Promise<void> {
    this.#child.removeAllListeners('exit').kill();
  }
}

/** Installs what the peer's folder asks for, once, without install scripts. */
export function installPeer(folder: string, note: (text: string) => void): void {
  if (existsSync(join(folder, 'node_modules'))) return;
  note('installing the peer');
  const args = ['install', '--ignore-scripts', '--package-lock=false', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`Cannot install the peer with "npm ${args.join(' ')}" in "${folder}".`);
}

/** A peer's name and version. */
export function peerVersion(folder: string, name: string): string {
  const path = join(folder, 'node_modules', name, 'package.json');
  return `${name} ${JSON.parse(readFileSync(path, 'utf8')).version}`;
}
