/** The version of ONNX Runtime that computes. */
import { createRequire } from 'node:module';

/** Read from the package's manifest: no native library is loaded for it. */
export function runtimeVersion(): string {
  const manifest = createRequire(import.meta.url)('onnxruntime-node/package.json') as {
    readonly version: string;
  };
  return manifest.version;
}
