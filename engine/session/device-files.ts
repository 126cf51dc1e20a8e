/** What the system shows of graphics cards; ONNX Runtime's binding for Node does not say what a WebGPU device is. */
import { existsSync, readdirSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';

/** Files by which drivers reach a card: render nodes of all makers, NVIDIA's own, and Windows' card inside WSL. */
const cardFiles: Readonly<Record<string, RegExp>> = {
  dri: /^renderD\d+$/,
  '.': /^(?:nvidia\d+|dxg)$/,
};

/**
 * Whether drivers may reach a graphics card. `false` is certain: on Linux no driver reaches one without a file in
 * `/dev`, so that a WebGPU device which opens all the same computes in software. `true` is not: a card may have no driver.
 *
 * @param folder - Where the files are. @defaultValue `/dev` on Linux; other systems show none, and are taken to have one
 */
export function mayHaveCard(
  folder: string | undefined = platform() === 'linux' ? '/dev' : undefined,
): boolean {
  if (folder === undefined) return true;
  return Object.entries(cardFiles).some(([below, name]) => {
    const path = join(folder, below);
    return existsSync(path) && readdirSync(path).some((file) => name.test(file));
  });
}
