import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../plugin/config/index.ts';
import { findTool, root, runTool } from '../support/programs/deploy-tools.ts';
import { runCli } from '../support/programs/run-cli.ts';

const folder = 'deploy/kubernetes';
const paths = readdirSync(join(root, folder)).map((name) => join(folder, name));
const kubernetesValidate = findTool('kubernetes-validate');

interface Container {
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: object;
  readonly image: string;
  readonly resources: { readonly limits: Readonly<Record<string, unknown>> };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface ConfigMap {
  readonly kind: 'ConfigMap';
  readonly metadata: { readonly name: string };
  readonly data: Readonly<Record<string, string>>;
}

interface Workload {
  readonly kind: 'Job' | 'Deployment';
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels: object };
    readonly parallelism?: number;
    readonly completions?: number;
    readonly template: {
      readonly metadata: { readonly labels: object };
      readonly spec: {
        readonly restartPolicy?: string;
        readonly securityContext: object;
        readonly automountServiceAccountToken: boolean;
        readonly containers: readonly Container[];
        readonly tolerations?: readonly object[];
        readonly terminationGracePeriodSeconds: number;
        readonly volumes: readonly {
          readonly name: string;
          readonly configMap?: { readonly name: string };
        }[];
      };
    };
  };
}

const objects = paths.flatMap((path) =>
  parseAllDocuments(readFileSync(join(root, path), 'utf8'), { merge: true }).map(
    (document) => [path, document.toJS() as ConfigMap | Workload] as const,
  ),
);
const configMaps = objects.flatMap(([, object]) => (object.kind === 'ConfigMap' ? [object] : []));
const workloads = objects.flatMap(([path, object]) =>
  object.kind === 'ConfigMap' ? [] : [[path, object] as const],
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

  it('reads a configuration that is mounted there, and finds its secrets in the environment', () => {
    const option = container!.args.find((word) => word.startsWith('--config='))!;
    const [folderInPod, file] = [dirname(option.slice('--config='.length)), basename(option)];
    const mount = container!.volumeMounts.find(({ mountPath }) => mountPath === folderInPod)!;
    const volume = pod.volumes.find(({ name }) => name === mount.name)!;
    const map = configMaps.find(({ metadata }) => metadata.name === volume.configMap?.name)!;
    const env = Object.fromEntries((container!.env ?? []).map(({ name }) => [name, 'a']));
    const { opensearch, index } = parseConfig(map.data[file]!, env);
    const mounts = container!.volumeMounts.map(({ mountPath }) => mountPath);
    expect(mounts).toContain(dirname(opensearch!.tls!.ca!));
    expect(index.textFields).toEqual(['title', 'body']);
  });

  it('has time to finish the batch in hand', () => {
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(60);
  });

  it.runIf(kind === 'Deployment')('is one pod, found by its own labels, that is started again', () => {
    expect(spec.replicas).toBe(1);
    expect(spec.selector?.matchLabels).toEqual(spec.template.metadata.labels);
    expect(pod.restartPolicy ?? 'Always').toBe('Always');
  });

  it.runIf(kind === 'Job')('lets many pods work until all is done, and replaces those that are lost', () => {
    expect(spec.parallelism).toBeGreaterThan(1);
    expect(spec).not.toHaveProperty('completions');
    expect(pod.restartPolicy).toBe('OnFailure');
  });
});

describe('workloads on cards', () => {
  const onCards = workloads.filter(([, { spec }]) => {
    const [container] = spec.template.spec.containers;
    return 'nvidia.com/gpu' in container!.resources.limits;
  });

  it('ask for one card a pod, its image, its nodes and its device', () => {
    expect(onCards.map(([path]) => basename(path))).toEqual(['states-build-gpu.yaml']);
    for (const [, { spec }] of onCards) {
      const { containers, tolerations, volumes } = spec.template.spec;
      expect(containers[0]!.resources.limits['nvidia.com/gpu']).toBe(1);
      expect(containers[0]!.image).toMatch(/-cuda$/);
      expect(tolerations).toEqual([{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }]);
      const names = volumes.map(({ configMap }) => configMap?.name);
      const map = configMaps.find(({ metadata }) => names.includes(metadata.name))!;
      const { reranker } = parseConfig(map.data['blockrank.config.yaml']!, { SEARCH_BEARER: 'a' });
      expect(reranker).toMatchObject({ device: 'cuda', precision: 'fp32' });
    }
  });
});

describe.skipIf(!kubernetesValidate)("Kubernetes' own schemas", () => {
  it.each(paths)('take %s', (path) => {
    const { status, stdout } = runTool(kubernetesValidate!, ['--strict', path]);
    expect([status, stdout]).toEqual([0, expect.any(String)]);
  });
});
