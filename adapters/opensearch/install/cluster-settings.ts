/** Cluster settings of ML Commons that decide whether the cluster may call the service. */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import type { PlanStep } from '../../install/index.ts';

/** The cluster's settings by their whole names, as `flat_settings=true` shows them. */
export interface ClusterSettings {
  /** Every readable setting: set values win over defaults. */
  readonly effective: Readonly<Record<string, unknown>>;
  /** Names of the settings that are set as `transient`, which hides their `persistent` values. */
  readonly transient: readonly string[];
}

/** Regular expressions of addresses that connectors may call; the whole address must match one. */
export const trustedSetting = 'plugins.ml_commons.trusted_connector_endpoints_regex';
/** Whether connectors may call private and loopback addresses. */
export const privateSetting = 'plugins.ml_commons.connector.private_ip_enabled';

/** Private addresses that connectors may call, as regular expressions; in newer versions only. */
const privateListSetting = 'plugins.ml_commons.trusted_connector_private_endpoints_regex';
const remoteSetting = 'plugins.ml_commons.remote_inference.enabled';
const mlNodeSetting = 'plugins.ml_commons.only_run_on_ml_node';
const rolesSetting = 'plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model';
/** Whether the cluster keeps models apart by groups of users. */
export const accessSetting = 'plugins.ml_commons.model_access_control_enabled';

/** A setting that has to change. */
export interface NeededSetting {
  /** Its name. */
  readonly name: string;
  /** The value that it needs; a list keeps every entry that it has. */
  readonly value: unknown;
  /** Why the value is needed. */
  readonly why: string;
  /** The level at which the value takes effect. */
  readonly level: 'persistent' | 'transient';
}

/** The regular expression that trusts one service and nothing else. */
export function trustedPattern(url: string): string {
  const { origin } = new URL(url);
  return `^${origin.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/.*$`;
}

/**
 * The settings that keep the cluster from calling the service. A setting that cannot be read counts as right.
 *
 * @param options - `createsConnector`: whether the plan makes a connector; only then does the cluster read the list of
 * trusted addresses.
 */
export function neededSettings(
  url: string,
  settings: ClusterSettings,
  { createsConnector }: { readonly createsConnector: boolean },
): NeededSetting[] {
  const { effective, transient } = settings;
  const needed: Omit<NeededSetting, 'level'>[] = [];
  const trusted = effective[trustedSetting];
  if (createsConnector && Array.isArray(trusted) && !trusted.some((pattern) => matches(pattern, url))) {
    const why = `no regular expression of it matches ${url}`;
    needed.push({ name: trustedSetting, value: [...trusted, trustedPattern(url)], why });
  }
  needed.push(...privateNeeds(url, effective));
  if (isFalse(effective[remoteSetting])) {
    needed.push({ name: remoteSetting, value: true, why: 'remote models are switched off' });
  }
  // Newer versions place remote models by node roles; there this setting governs local models alone.
  if (effective[rolesSetting] === undefined && String(effective[mlNodeSetting]) === 'true') {
    needed.push({ name: mlNodeSetting, value: false, why: 'this version runs models on ML nodes alone' });
  }
  return needed.map((one) => ({
    ...one,
    level: transient.includes(one.name) ? ('transient' as const) : ('persistent' as const),
  }));
}

/** A server that has the list of private addresses obeys the list, any other obeys the switch. */
function privateNeeds(url: string, effective: ClusterSettings['effective']): Omit<NeededSetting, 'level'>[] {
  const { hostname } = new URL(url);
  if (!isPrivateHost(hostname) || !isFalse(effective[privateSetting] ?? 'false')) return [];
  const why = `"${hostname}" is a private address`;
  const listed = effective[privateListSetting];
  if (!Array.isArray(listed)) {
    return effective[privateSetting] === undefined ? [] : [{ name: privateSetting, value: true, why }];
  }
  if (listed.some((pattern) => matches(pattern, url))) return [];
  return [{ name: privateListSetting, value: [...listed, trustedPattern(url)], why }];
}

/** One issue for each setting that the operator has to set, with the call to send. */
export function settingIssues(needed: readonly NeededSetting[]): ConfigurationIssue[] {
  return needed.map(({ name, value, why, level }) => ({
    path: name,
    message: `${why}: give --set-cluster-settings, or send PUT /_cluster/settings ${JSON.stringify({ [level]: { [name]: value } })}`,
  }));
}

/** The call that sets them. */
export function settingsStep(needed: readonly NeededSetting[]): PlanStep[] {
  if (needed.length === 0) return [];
  const body: Record<string, Record<string, unknown>> = {};
  for (const { name, value, level } of needed) body[level] = { ...body[level], [name]: value };
  const names = needed.map(({ name }) => `"${name}"`).join(', ');
  return [{ does: `set ${names}`, request: { method: 'PUT', path: '/_cluster/settings', body } }];
}

/** Our regular expressions that the list of trusted addresses holds. */
export function trustedPatterns(urls: readonly string[], { effective }: ClusterSettings): string[] {
  const trusted = effective[trustedSetting];
  const ours = [...new Set(urls.map(trustedPattern))];
  return Array.isArray(trusted) ? ours.filter((pattern) => trusted.includes(pattern)) : [];
}

/** The call that removes exactly these regular expressions, in one call because each call writes the whole list. */
export function untrustStep(
  patterns: readonly string[],
  { effective, transient }: ClusterSettings,
): PlanStep {
  const level = transient.includes(trustedSetting) ? 'transient' : 'persistent';
  const trusted = effective[trustedSetting] as readonly string[];
  const rest = trusted.filter((pattern) => !patterns.includes(pattern));
  // An empty list would trust nobody; without the setting the server's own list holds again.
  const body = { [level]: { [trustedSetting]: rest.length > 0 ? rest : null } };
  return {
    does: `remove ${patterns.join(', ')} from "${trustedSetting}"`,
    request: { method: 'PUT', path: '/_cluster/settings', body },
  };
}

/** Java matches the whole address. A pattern that only Java can read counts as no match. */
function matches(pattern: unknown, url: string): boolean {
  try {
    return new RegExp(`^(?:${String(pattern)})$`).test(url);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function isFalse(value: unknown): boolean {
  return String(value) === 'false';
}

/**
 * Whether a host name looks private: loopback and private addresses, names without a dot, and names of networks that
 * are not public. Only the cluster knows what a public-looking name resolves to.
 */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (/^(?:127|10|0)\.|^192\.168\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\./.test(host)) return true;
  if (host.includes(':')) return host === '::1' || /^f[cd]|^fe[89ab]/.test(host);
  return !host.includes('.') || /\.(?:local|localhost|internal|lan|svc|home\.arpa)$/.test(host);
}
