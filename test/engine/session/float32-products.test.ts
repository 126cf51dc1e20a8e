import { describe, expect, it } from 'vitest';
import { float32Products } from '../../../engine/index.ts';

describe('float32Products', () => {
  it('are rounded on CUDA unless the environment forbids it, and nowhere else', () => {
    expect(float32Products('cuda', {})).toBe('tf32');
    expect(float32Products('cuda', { ['NVIDIA_TF32_OVERRIDE']: '1' })).toBe('tf32');
    expect(float32Products('cuda', { ['NVIDIA_TF32_OVERRIDE']: '0' })).toBe('float32');
    expect(float32Products('webgpu', {})).toBe('float32');
    expect(float32Products('cpu', {})).toBe('float32');
  });
});
