import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadServeConfig, type ServeConfig } from '../../plugin/config/index.ts';
import { serviceMetrics } from '../../plugin/service/index.ts';
import { findTool, root, runTool, type Said } from '../support/programs/deploy-tools.ts';

const chart = 'deploy/helm/blockrank';
const helm = findTool('helm');
const kubernetesValidate = findTool('kubernetes-validate');
const folder = mkdtempSync(join(tmpdir(), 'blockrank-helm-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Values that together reach every branch of the templates. */
const variants: Readonly<Record<string, object>> = {
  default: {},
  gpu: {
    gpu: { enabled: true, nodeSelector: { accelerator: 'h100' } },
    config: { reranker: { precision: 'fp16', workers: 1, stateCacheBytes: 1073741824 } },
    nodeSelector: { 'kubernetes.io/arch': 'amd64' },
  },
  'autoscaling off': {
    autoscaling: { enabled: false },
    replicaCount: 3,
    podDisruptionBudget: { maxUnavailable: '25%' },
    networkPolicy: { enabled: false },
    serviceAccount: { create: false },
  },
  'existing secret': {
    existingSecret: 'my-keys',
    keys: [
      { tenant: 'shop', secretKey: 'shop-key', requestsPerMinute: 600 },
      { tenant: 'shop', secretKey: 'shop.next' },
      { tenant: 'help', sha256: 'ab'.repeat(32), models: ['blockrank'] },
    ],
    tls: { existingSecret: 'my-certificate' },
    cache: { persistence: { enabled: true, storageClassName: 'shared' } },
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  },
  'scaled by processors': {
    autoscaling: { metric: 'cpu' },
    keys: [],
    networkPolicy: {
      ingressFrom: [],
      metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }],
      extraEgress: [
        { to: [{ ipBlock: { cidr: '203.0.113.7/32' } }], ports: [{ port: 443, protocol: 'TCP' }] },
      ],
    },
    imagePullSecrets: [{ name: 'pull' }],
    podAnnotations: { team: 'search' },
    podLabels: { team: 'search' },
    priorityClassName: 'high',
    extraEnv: [{ name: 'COHERE_KEY', value: 'k' }],
    affinity: { nodeAffinity: {} },
    tolerations: [{ key: 'search', operator: 'Exists' }],
    fullnameOverride: 'reranker',
  },
};

interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: Manifests of all kinds; what is read of them is asserted.
  readonly [part: string]: any;
}

/** Writes values to a file, as `--values` takes them. */
const valuesFile = (name: string, values: object): string => {
  const path = join(folder, `${name.replaceAll(' ', '-')}.json`);
  writeFileSync(path, JSON.stringify(values));
  return path;
};
// A Helm that was built from its module takes an old Kubernetes for granted.
const template = (name: string, values: object): Said =>
  runTool(helm!, ['template', 'test', chart, '--kube-version=1.34.0', '--values', valuesFile(name, values)]);

function manifestsOf(name: string): readonly Manifest[] {
  const { status, stdout, stderr } = template(name, variants[name]!);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

const ofKind = (manifests: readonly Manifest[], kind: string): Manifest | undefined =>
  manifests.find((each) => each.kind === kind && !each.metadata.annotations?.['helm.sh/hook']);

/** The configuration file of the ConfigMap, read as the service would, in the environment of the Deployment. */
async function configOf(manifests: readonly Manifest[]): Promise<ServeConfig> {
  const path = join(mkdtempSync(join(folder, 'config-')), 'blockrank.config.yaml');
  writeFileSync(path, ofKind(manifests, 'ConfigMap')!['data']['blockrank.config.yaml'] as string);
  const [container] = ofKind(manifests, 'Deployment')!['spec'].template.spec.containers;
  const names = (container.env as readonly { readonly name: string }[]).map(({ name }) => name);
  return loadServeConfig(path, Object.fromEntries(names.map((name) => [name, `${name}-0123456789`])));
}

describe('the chart', () => {
  const values = parse(readFileSync(join(root, chart, 'values.yaml'), 'utf8')) as object;
  const schema = JSON.parse(readFileSync(join(root, chart, 'values.schema.json'), 'utf8')) as {
    readonly additionalProperties: boolean;
    readonly properties: Readonly<Record<string, unknown>>;
  };

  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(parse(readFileSync(join(root, chart, 'Chart.yaml'), 'utf8'))).toMatchObject({
      appVersion: version,
    });
  });

  it('has a schema that knows each value and refuses others', () => {
    const { global: _helms, ...known } = schema.properties;
    expect(Object.keys(known).sort()).toEqual(Object.keys(values).sort());
    expect(schema.additionalProperties).toBe(false);
  });

  it('scales by a metric that the service has', () => {
    const text = readFileSync(join(root, chart, 'templates/horizontalpodautoscaler.yaml'), 'utf8');
    const [, metric] = /name: (blockrank_service_\w+)/.exec(text)!;
    expect(serviceMetrics().registry.getSingleMetric(metric!)).toBeDefined();
  });

  it('describes every value in its README', () => {
    const readme = readFileSync(join(root, chart, 'README.md'), 'utf8');
    for (const name of Object.keys(values)) expect(readme).toMatch(new RegExp(`\`${name}[\`.]`));
  });
});

describe.skipIf(!helm)('helm', () => {
  it('is asked with values that reach every template', () => {
    const sources = Object.keys(variants).flatMap((name) =>
      [...template(name, variants[name]!).stdout.matchAll(/^# Source: blockrank\/templates\/(.+)$/gm)].map(
        ([, file]) => file!,
      ),
    );
    const files = readdirSync(join(root, chart, 'templates'), { recursive: true }) as string[];
    const templates = files.filter((file) => file.endsWith('.yaml'));
    expect([...new Set(sources)].sort()).toEqual(templates.sort());
  });

  it.each(Object.keys(variants))('finds nothing wrong with the chart: %s', (name) => {
    const { status, stdout } = runTool(helm!, [
      'lint',
      '--strict',
      chart,
      '--values',
      valuesFile(`lint-${name}`, variants[name]!),
    ]);
    expect(stdout).toContain('0 chart(s) failed');
    expect(status).toBe(0);
  });

  it.each([
    [{ replicaCuont: 3 }, "additional properties 'replicaCuont' not allowed"],
    [{ config: { service: { port: 9000 } } }, "invalid propertyName 'port'"],
    [{ secretValues: { default: 'short' } }, 'minLength'],
    [{ keys: [{ tenant: 'a' }] }, '/keys/0'],
    [{ gpu: { device: 'tpu' } }, '/gpu/device'],
    [{ terminationGracePeriodSeconds: 30 }, 'has to be longer than config.service.drainMs and drainDelayMs'],
  ])('refuses %j and says why', (values, why) => {
    const { status, stderr } = template('refused', values);
    expect(status).not.toBe(0);
    expect(stderr).toContain(why);
  });
});

describe.skipIf(!helm || !kubernetesValidate)("Kubernetes' own schemas", () => {
  it('take the manifests of all variants', () => {
    // The Prometheus operator's own kind is in no release of Kubernetes.
    const known = Object.keys(variants).flatMap((name) =>
      manifestsOf(name).filter(({ kind }) => kind !== 'ServiceMonitor'),
    );
    const path = join(folder, 'manifests.yaml');
    writeFileSync(path, known.map((each) => JSON.stringify(each)).join('\n---\n'));
    const { status, stdout, stderr } = runTool(kubernetesValidate!, ['--strict', path]);
    const said = `${stdout}${stderr}`;
    expect(said).not.toMatch(/ERROR|WARN/);
    expect(said.match(/ passed for resource /g)).toHaveLength(known.length);
    expect(known.length).toBeGreaterThan(40);
    expect(status).toBe(0);
  });
});

describe.skipIf(!helm).each(Object.keys(variants))('manifests: %s', (name) => {
  const manifests = helm ? manifestsOf(name) : [];
  const pod = (): Manifest['spec'] => ofKind(manifests, 'Deployment')!['spec'].template.spec;

  it('hold a configuration that the service takes', async () => {
    const { service, reranker } = await configOf(manifests);
    expect(service).toMatchObject({ host: '0.0.0.0', port: 8080 });
    expect(reranker.device).toBe(name === 'gpu' ? 'cuda' : undefined);
  });

  it('give a pod more time to end than the service takes', async () => {
    const { service } = await configOf(manifests);
    const drainMs = (service.drainMs ?? 25_000) + (service.drainDelayMs ?? 0);
    expect(pod().terminationGracePeriodSeconds * 1000).toBeGreaterThan(drainMs);
  });

  it('run without rights, on a read-only root', () => {
    const { securityContext, automountServiceAccountToken, containers } = pod();
    expect(securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(automountServiceAccountToken).toBe(false);
    for (const container of containers) {
      expect(container.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('ask whether the service is ready before sending it requests, and only whether it lives before ending it', () => {
    const [{ startupProbe, readinessProbe, livenessProbe }] = pod().containers;
    const scheme = name === 'existing secret' ? 'HTTPS' : 'HTTP';
    expect(startupProbe.httpGet).toEqual({ path: '/readyz', port: 'http', scheme });
    expect(readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http', scheme });
    expect(livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'http', scheme });
  });

  it('mount the configuration as a folder, so that changes arrive without a restart', () => {
    const [{ volumeMounts }] = pod().containers;
    const mounts = volumeMounts as readonly { readonly name: string; readonly subPath?: string }[];
    expect(mounts.find((each) => each.name === 'config')).toEqual({
      name: 'config',
      mountPath: '/etc/blockrank',
      readOnly: true,
    });
    const { annotations = {} } = ofKind(manifests, 'Deployment')!['spec'].template.metadata;
    expect(Object.keys(annotations)).not.toContain('checksum/config');
  });

  it('point at each other', () => {
    const deployment = ofKind(manifests, 'Deployment')!;
    const [{ ports }] = pod().containers;
    const service = ofKind(manifests, 'Service')!;
    const portNames = (ports as readonly { readonly name: string }[]).map((each) => each.name);
    for (const { targetPort } of service['spec'].ports) expect(portNames).toContain(targetPort);
    const scaler = ofKind(manifests, 'HorizontalPodAutoscaler');
    expect(scaler?.['spec'].scaleTargetRef.name ?? deployment.metadata.name).toBe(deployment.metadata.name);
    const monitor = ofKind(manifests, 'ServiceMonitor');
    expect(service.metadata.labels).toMatchObject(monitor?.['spec'].selector.matchLabels ?? {});
  });

  it('mount a volume wherever a pod writes, since its root is read-only', () => {
    const [{ volumeMounts }] = pod().containers;
    const mounts = volumeMounts as readonly { readonly name: string; readonly mountPath: string }[];
    const places = mounts.map(({ mountPath }) => mountPath);
    expect(places).toEqual(expect.arrayContaining(['/tmp', '/var/cache/blockrank']));
    const volumes = (pod().volumes as readonly { readonly name: string }[]).map((each) => each.name);
    expect(mounts.map((each) => each.name).sort()).toEqual(volumes.sort());
  });

  it('give a pod five minutes to load its models', () => {
    const [{ startupProbe }] = pod().containers;
    expect(startupProbe.periodSeconds * startupProbe.failureThreshold).toBeGreaterThanOrEqual(300);
  });

  it('let pods of this release ask for names, for what the values name, and for nothing else', () => {
    const policy = ofKind(manifests, 'NetworkPolicy');
    const { networkPolicy: given } = variants[name] as {
      readonly networkPolicy?: { readonly enabled?: boolean; readonly extraEgress?: readonly unknown[] };
    };
    expect(policy === undefined).toBe(given?.enabled === false);
    if (!policy) return;
    const { labels } = ofKind(manifests, 'Deployment')!['spec'].template.metadata;
    expect(labels).toMatchObject(policy['spec'].podSelector.matchLabels);
    expect(policy['spec'].podSelector.matchLabels['app.kubernetes.io/instance']).toBe('test');
    expect(policy['spec'].policyTypes).toEqual(['Ingress', 'Egress']);
    const [names, ...more] = policy['spec'].egress;
    expect(names.ports.map(({ port }: { port: number }) => port)).toEqual([53, 53]);
    expect(more).toEqual(given?.extraEgress ?? []);
  });

  it('never end all pods at once', () => {
    const wanted = name === 'autoscaling off' ? '25%' : 1;
    expect(ofKind(manifests, 'PodDisruptionBudget')!['spec'].maxUnavailable).toBe(wanted);
  });

  it('select the pods of this release and no others', () => {
    const { labels } = ofKind(manifests, 'Deployment')!['spec'].template.metadata;
    const selectors = [
      ofKind(manifests, 'Deployment')!['spec'].selector.matchLabels,
      ofKind(manifests, 'Service')!['spec'].selector,
      ofKind(manifests, 'PodDisruptionBudget')!['spec'].selector.matchLabels,
    ];
    for (const selector of selectors) {
      expect(labels).toMatchObject(selector);
      expect(selector['app.kubernetes.io/instance']).toBe('test');
    }
    // Pods of `helm test` get no traffic.
    const hook = manifests.find(({ kind }) => kind === 'Pod')!;
    expect(hook.metadata.labels).not.toMatchObject(selectors[0]);
  });
});

describe.skipIf(!helm)('what the values change', () => {
  const of = (name: string, kind: string): Manifest | undefined => ofKind(manifestsOf(name), kind);

  it('leaves the number of replicas to the autoscaler, or sets it', () => {
    expect(of('default', 'Deployment')!['spec']).not.toHaveProperty('replicas');
    expect(of('default', 'HorizontalPodAutoscaler')!['spec'].metrics).toEqual([
      {
        type: 'Pods',
        pods: {
          metric: { name: 'blockrank_service_queue_wait_seconds' },
          target: { type: 'AverageValue', averageValue: '100m' },
        },
      },
    ]);
    expect(of('autoscaling off', 'Deployment')!['spec'].replicas).toBe(3);
    expect(of('autoscaling off', 'HorizontalPodAutoscaler')).toBeUndefined();
    expect(of('scaled by processors', 'HorizontalPodAutoscaler')!['spec'].metrics[0].type).toBe('Resource');
  });

  it('makes a random key unless one is given, and no secret where one exists', () => {
    const decoded = (manifest: Manifest): string =>
      Buffer.from(manifest['data'].default as string, 'base64').toString();
    expect(decoded(of('default', 'Secret')!)).toMatch(/^[A-Za-z0-9]{43}$/);
    expect(of('existing secret', 'Secret')).toBeUndefined();
    expect(of('scaled by processors', 'Secret')).toBeUndefined();
    const given = template('given', { secretValues: { default: 'my-own-key-0123456789' } });
    const manifests = parseAllDocuments(given.stdout).map((document) => document.toJS() as Manifest);
    expect(decoded(ofKind(manifests, 'Secret')!)).toBe('my-own-key-0123456789');
  });

  it('reads keys from the secret by environment, and hashes from the configuration', async () => {
    const { service } = await configOf(manifestsOf('existing secret'));
    expect(service.keys).toEqual([
      { tenant: 'shop', key: 'BLOCKRANK_KEY_SHOP_KEY-0123456789', requestsPerMinute: 600 },
      { tenant: 'shop', key: 'BLOCKRANK_KEY_SHOP_NEXT-0123456789' },
      { tenant: 'help', sha256: 'ab'.repeat(32), models: ['blockrank'] },
    ]);
    const [{ env }] = of('existing secret', 'Deployment')!['spec'].template.spec.containers;
    expect(env[1].valueFrom.secretKeyRef).toEqual({ name: 'my-keys', key: 'shop-key' });
  });

  it('asks for a GPU, its nodes and the rights to be there', () => {
    const { containers, nodeSelector, tolerations } = of('gpu', 'Deployment')!['spec'].template.spec;
    expect(containers[0].resources.limits).toEqual({ memory: '2Gi', 'nvidia.com/gpu': 1 });
    expect(nodeSelector).toEqual({ accelerator: 'h100', 'kubernetes.io/arch': 'amd64' });
    expect(tolerations).toEqual([{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }]);
  });

  it('lets nobody in when nobody is named', () => {
    const { stdout } = template('closed', { networkPolicy: { ingressFrom: [] } });
    const manifests = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
    // A rule without `from` would let everybody in.
    expect(ofKind(manifests, 'NetworkPolicy')!['spec'].ingress).toEqual([]);
    expect(of('default', 'NetworkPolicy')!['spec'].ingress).toEqual([
      { from: [{ podSelector: {} }], ports: [{ port: 'http', protocol: 'TCP' }] },
    ]);
    expect(of('autoscaling off', 'NetworkPolicy')).toBeUndefined();
  });

  it('keeps the cache in a volume of its own on request', () => {
    const volumes = of('existing secret', 'Deployment')!['spec'].template.spec.volumes;
    expect(volumes[1].persistentVolumeClaim.claimName).toBe(
      of('existing secret', 'PersistentVolumeClaim')!.metadata.name,
    );
    expect(of('default', 'PersistentVolumeClaim')).toBeUndefined();
  });

  it('tells the Prometheus operator where to ask', () => {
    const monitor = of('existing secret', 'ServiceMonitor')!;
    expect(monitor['spec'].endpoints[0]).toMatchObject({ port: 'http', path: '/metrics', scheme: 'https' });
    expect(monitor.metadata.labels).toMatchObject({ release: 'prometheus' });
  });
});
