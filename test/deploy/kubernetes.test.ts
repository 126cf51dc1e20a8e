import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runCli } from '../cli/run-cli.ts';
import { findTool, root, runTool } from './tools.ts';

const folder = 'deploy/kubernetes';
const paths = readdirSync(join(root, folder)).map((name) => join(folder, name));
const kubernetesValidate = findTool('kubernetes-validate');

interface Container {
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: object;
  readonly resources: { readonly limits: object };
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}

interface Workload {
  readonly kind: string;
  readonly spec: {
    readonly parallelism?: number;
    readonly completions?: number;
    readonly template: {
      readonly spec: {
        readonly restartPolicy?: string;
        readonly securityContext: object;
        readonly automountServiceAccountToken: boolean;
        readonly containers: readonly Container[];
      };
    };
  };
}

const workloads = paths.flatMap((path) =>
  parseAllDocuments(readFileSync(join(root, path), 'utf8'), { merge: true }).map(
    (document) => [path, document.toJS() as Workload] as const,
  ),
);

describe.each(workloads)('%s', (_path, { kind, spec }) => {
  const pod = spec.template.spec;
  const [container] = pod.containers;

  it('runs as nobody in particular, on a root that is read only, with no right that it does not need', () => {
    expect(pod.containers).toHaveLength(1);
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container!.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container!.resources.limits).toMatchObject({ memory: expect.any(String) });
    const mounts = container!.volumeMounts.map(({ mountPath }) => mountPath);
    expect(mounts).toEqual(expect.arrayContaining(['/tmp', '/var/cache/blockrank']));
  });

  it('calls commands and options that the program has, and gives secrets by environment', async () => {
    const words = container!.args.filter((word) => !word.startsWith('--'));
    const { stdout } = await runCli([...words, '--help']);
    for (const option of container!.args.filter((word) => word.startsWith('--'))) {
      expect(stdout).toMatch(new RegExp(`${option.split('=')[0]}(?![\\w-])`));
    }
    expect(container!.args.join(' ')).not.toMatch(/--(password|api-key|bearer)/);
    for (const { name, value } of container!.env ?? []) {
      if (name !== 'BLOCKRANK_CACHE') expect(value).toBeUndefined();
    }
  });

  it.runIf(kind === 'Job')('lets many pods work until all is done, and replaces those that are lost', () => {
    expect(spec.parallelism).toBeGreaterThan(1);
    expect(spec).not.toHaveProperty('completions');
    expect(pod.restartPolicy).toBe('OnFailure');
  });
});

describe.skipIf(!kubernetesValidate)("Kubernetes' own schemas", () => {
  it.each(paths)('take %s', (path) => {
    const { status, stdout } = runTool(kubernetesValidate!, ['--strict', path]);
    expect([status, stdout]).toEqual([0, expect.any(String)]);
  });
});
