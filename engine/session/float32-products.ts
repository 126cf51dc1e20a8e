/** How exact a device's float32 products are. */
import type { ExecutionProvider } from './runtime.ts';

/**
 * `tf32` where a device rounds the factors of float32 products to 10 bits of fraction, as half precision has them: CUDA
 * does, since ONNX Runtime asks for it and its binding for Node cannot say otherwise (scores of the parity cases are
 * then within 1.3e-3 in place of 8.5e-7, H200). `NVIDIA_TF32_OVERRIDE=0` turns it off; CUDA reads that once, so it must
 * be set before Node starts. `float32` everywhere else.
 *
 * @param environment - The process'. @defaultValue `process.env`
 */
export function float32Products(
  provider: ExecutionProvider,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): 'float32' | 'tf32' {
  return provider === 'cuda' && environment['NVIDIA_TF32_OVERRIDE'] !== '0' ? 'tf32' : 'float32';
}
