/** The version of this package, from its own manifest. */
import { readFileSync } from 'node:fs';

/** Reads the version, beside the sources or beside `dist`. */
export function packageVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    const manifest = readManifest(new URL(path, import.meta.url));
    if (manifest?.name === 'blockrank') return manifest.version;
  }
  throw new Error('Cannot find the manifest of the package "blockrank" beside its program.');
}

function readManifest(url: URL): { name: string; version: string } | undefined {
  try {
    return JSON.parse(readFileSync(url, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
