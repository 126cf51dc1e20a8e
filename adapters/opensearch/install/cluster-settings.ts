/** Cluster settings of ML Commons that decide whether the cluster may call the service. */
import type { ConfigurationIssue } from '../../../engine/index.ts';
import type { PlanStep } from '../../install/index.ts';

/** Effective settings by their whole names, as `flat_settings=true` shows them. */
export interface ClusterSettings {
  /** Every setting that can be read: what is set over what is default. */
  readonly effective: Readonly<Record<string, unknown>>;
  /** Names of those that are set as `transient`, which hide `persistent` ones. */
  readonly transient: readonly string[];
}

/** Regular expressions of addresses that connectors may call; the whole address must match one. */
export const trustedSetting = 'plugins.ml_commons.trusted_connector_endpoints_regex';
/** Whether connectors may call private and loopback addresses. */
export const privateSetting = 'plugins.ml_commons.connector.private_ip_enabled';

/** Newer versions: which private addresses connectors may call, as regular expressions. */
const privateListSetting = 'plugins.ml_commons.trusted_connector_private_endpoints_regex';
const remoteSetting = 'plugins.ml_commons.remote_inference.enabled';
const mlNodeSetting = 'plugins.ml_commons.only_run_on_ml_node';
const rolesSetting = 'plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model';
/** Whether models are kept apart by groups of users. */
export const accessSetting = 'plugins.ml_commons.model_access_control_enabled';

/** A setting that has to change. */
export interface NeededSetting {
  /** Its name. */
  readonly name: string;
  /** What it has to be; a list keeps every entry that is there. */
  readonly value: unknown;
  /** Why. */
  readonly why: string;
  /** Where it is set, so that it takes effect. */
  readonly level: 'persistent' | 'transient';
}

/** The regular expression that trusts one service and nothing besides. */
export function trustedPattern(url: string): string {
  const { origin } = new URL(url);
  return `^${origin.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/.*$`;
}

/**
 * Settings that stand between the cluster and the service. Settings that cannot be read are taken as they should be.
 *
 * @param options - `createsConnector`: the list of trusted addresses is read when a connector is made, and only then.
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
  // Newer versions place remote models by node roles, and this setting holds for local ones alone.
  if (effective[rolesSetting] === undefined && String(effective[mlNodeSetting]) === 'true') {
    needed.push({ name: mlNodeSetting, value: false, why: 'this version runs models on ML nodes alone' });
  }
  return needed.map((one) => ({
    ...one,
    level: transient.includes(one.name) ? ('transient' as const) : ('persistent' as const),
  }));
}

/** A server that has the list of private addresses goes by it, others by the switch. */
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

/** What the operator has to set, one issue a setting, ready to be sent. */
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

/** Those of our regular expressions that the list of trusted addresses holds. */
export function trustedPatterns(urls: readonly string[], { effective }: ClusterSettings): string[] {
  const trusted = effective[trustedSetting];
  const ours = [...new Set(urls.map(trustedPattern))];
  return Array.isArray(trusted) ? ours.filter((pattern) => trusted.includes(pattern)) : [];
}

/** The call that takes exactly these regular expressions away, all at once: each call writes the whole list. */
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

/** Java asks for a match of the whole address. A pattern that only Java reads counts as no match. */
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
 * Whether a host is private by its looks: loopback and private addresses, names without a dot, and names of
 * networks that are not public. What a public-looking name resolves to, only the cluster knows.
 */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (/^(?:127|10|0)\.|^192\.168\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\./.test(host)) return true;
  if (host.includes(':')) return host === '::1' || /^f[cd]|^fe[89ab]/.test(host);
  return !host.includes('.') || /\.(?:local|localhost|internal|lan|svc|home\.arpa)$/.test(host);
}
