import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { findTool, nothingWrong, root, runTool } from '../support/programs/deploy-tools.ts';
import { runCli } from '../support/programs/run-cli.ts';

interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: unknown };
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly mem_limit?: string;
}

const deployLint = findTool('deploy-lint');
const paths = ['deploy/compose/opensearch.yaml', 'deploy/compose/elasticsearch.yaml'];
const servicesOf = (path: string): Readonly<Record<string, ComposeService>> =>
  (parse(readFileSync(join(root, path), 'utf8')) as { services: Record<string, ComposeService> }).services;
const all = paths.flatMap((path) =>
  Object.entries(servicesOf(path)).map(([name, service]) => ({ path, name, service })),
);
const ours = all.filter(({ service }) => service.image.startsWith('blockrank:'));
const secrets = { BLOCKRANK_KEY: '0123456789abcdef', ELASTIC_PASSWORD: 'secret' };

describe.each(all)('$name of $path', ({ name, path, service }) => {
  it('has bounds: memory, rights, ports for this machine alone', () => {
    expect(service.mem_limit).toMatch(/^\d+[mg]$/);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('pins its image', () => {
    expect(service.image).toMatch(/:(\d+\.\d+\.\d+|\$\{BLOCKRANK_VERSION:-local\})$/);
  });

  it('waits for what it needs to be healthy, and can itself be waited for', () => {
    const services = servicesOf(path);
    for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(services, needed).toHaveProperty(needed);
      expect(condition).toBe('service_healthy');
      const isChecked =
        services[needed]!.healthcheck?.test !== undefined || services[needed]!.image.startsWith('blockrank:');
      expect(isChecked, `${name} waits for ${needed}`).toBe(true);
    }
  });
});

describe.each(ours)('the image as $name of $path', ({ service }) => {
  it('runs with a read-only root', () => {
    expect(service.read_only).toBe(true);
    expect(service.tmpfs?.[0]).toMatch(/^\/tmp:/);
  });

  it('gets secrets by environment, where other users of the machine cannot read them', () => {
    const words = (service.command ?? []).join(' ');
    expect(words).not.toMatch(/key|password|\$/);
    for (const [name, value] of Object.entries(service.environment ?? {})) {
      if (/KEY$/.test(name)) expect(value).toMatch(/^\$\{BLOCKRANK_KEY:/);
    }
  });

  it('is called with a command and options that the program has', async () => {
    const [command = 'serve', ...words] = service.command ?? [];
    const { stdout } = await runCli([command, '--help']);
    const options = words.filter((word) => word.startsWith('--'));
    for (const option of options) expect(stdout).toMatch(new RegExp(`${option}(?![\\w-])`));
  });
});

describe.skipIf(!deployLint)("Compose's own loader", () => {
  it('takes both files', () => {
    expect(runTool(deployLint!, ['compose', ...paths], { env: secrets })).toMatchObject(nothingWrong);
  });

  it('refuses to start without the secrets', () => {
    const { status, stderr } = runTool(deployLint!, ['compose', ...paths], {
      env: { BLOCKRANK_KEY: '', ELASTIC_PASSWORD: '' },
    });
    expect(status).toBe(1);
    expect(stderr).toContain('required variable BLOCKRANK_KEY is missing');
    expect(stderr).toContain('required variable ELASTIC_PASSWORD is missing');
  });
});
