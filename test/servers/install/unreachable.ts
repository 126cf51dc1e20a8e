/** Services that cannot be reached when everything else was made. */
import { expect, it } from 'vitest';
import { type InstallingOn, trusted } from './installing-on.ts';

/** Declares the tests. */
export function describeUnreachable(at: InstallingOn): void {
  const { cli } = at;

  it('is told when a service cannot be reached at all, after everything else was made', async () => {
    await at.service.stop();
    const { code, stderr } = await cli(
      'install',
      '--service',
      at.service.url,
      '--field',
      'body',
      '--name',
      'early',
    );
    await at.service.start();
    expect(code).toBe(1);
    expect(stderr).toContain('no service listens there: start it, or correct --service');
    expect(stderr).toContain('Everything was made and stays');
    await at.cluster.uninstall('early');
  });

  it('is told which scheme to check when the service speaks http and --service says https', async () => {
    const args = ['--field', 'body', '--name', 'scheme'];
    await at.cluster.ask('PUT', '/_cluster/settings', { persistent: { [trusted]: ['.*'] } });
    const { code, stderr } = await cli(
      'install',
      '--service',
      at.service.url.replace('http:', 'https:'),
      ...args,
    );
    await at.cluster.ask('PUT', '/_cluster/settings', { persistent: { [trusted]: null } });
    expect(code).toBe(1);
    expect(stderr).toContain('check http:// against https:// in --service');
    await at.cluster.uninstall('scheme');
  });

  it('tells status that an empty index cannot, and a dead service is found all the same', async () => {
    await at.cluster.ask('PUT', '/empty', {});
    await at.cluster.install({ serviceUrl: at.service.url, name: 'unfilled' });
    const args = ['--name', 'unfilled', '--index', 'empty'];
    const well = await cli('status', ...args);
    expect([well.code, well.stdout]).toEqual([0, expect.stringContaining('the model answers')]);
    await at.service.stop();
    const { code, stderr } = await cli('status', ...args);
    await at.service.start();
    expect(code).toBe(1);
    expect(stderr).toContain('no service listens there');
    await at.cluster.uninstall('unfilled');
  });
}
