/** Users, roles and API keys of a real server that knows them, made by plain requests. */
import { admin, type RunningServer, type ServerChoice } from './start.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes.
type Json = any;

/** How a user proves who asks, in the form of both clients. */
export type Proof = { readonly username: string; readonly password: string } | { readonly apiKey: string };

/** What a role may do with its indices. */
export interface Rights {
  readonly names: readonly string[];
  /** In Elasticsearch's words. @defaultValue ['read'] */
  readonly privileges?: readonly string[];
  /** The documents that it shows. @defaultValue all */
  readonly query?: object;
  /** The fields that it hides. @defaultValue none */
  readonly except?: readonly string[];
}

const password = 'open-Sesame-77-of-tests';

/** The proof by password. */
export const passwordOf = (username: string): Proof => ({ username, password });

/** The header that gives a proof. */
export function headerOf(proof: Proof): string {
  if ('apiKey' in proof) return `ApiKey ${proof.apiKey}`;
  return `Basic ${btoa(`${proof.username}:${proof.password}`)}`;
}

/** Makes requests as who may do all. */
export async function asAdmin(
  { url }: RunningServer,
  method: string,
  path: string,
  body?: object | string,
): Promise<Json> {
  const isText = typeof body === 'string';
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: headerOf(admin),
      'content-type': isText ? 'application/x-ndjson' : 'application/json',
    },
    ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok || text.includes('"errors":true')) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Makes a user with a role of the same name. */
export async function makeUser(
  server: RunningServer,
  { product }: ServerChoice,
  name: string,
  rights: readonly Rights[],
): Promise<void> {
  if (product === 'elasticsearch') {
    await asAdmin(server, 'PUT', `/_security/role/${name}`, { indices: rights.map(elasticsearchRights) });
    await asAdmin(server, 'PUT', `/_security/user/${name}`, { password, roles: [name] });
    return;
  }
  const role = {
    cluster_permissions: ['cluster_composite_ops', 'cluster_monitor'],
    index_permissions: rights.map(openSearchRights),
  };
  await asAdmin(server, 'PUT', `/_plugins/_security/api/roles/${name}`, role);
  const user = { password, opendistro_security_roles: [name] };
  await asAdmin(server, 'PUT', `/_plugins/_security/api/internalusers/${name}`, user);
}

/** An API key of a user, with that user's rights; Elasticsearch alone has them. */
export async function apiKeyOf(server: RunningServer, username: string): Promise<Proof> {
  const grant = { grant_type: 'password', username, password, api_key: { name: username } };
  const { encoded } = await asAdmin(server, 'POST', '/_security/api_key/grant', grant);
  return { apiKey: encoded };
}

function elasticsearchRights({ names, privileges = ['read'], query, except = [] }: Rights): object {
  const fields = except.length > 0 && { field_security: { grant: ['*'], except } };
  return { names, privileges, ...(query && { query }), ...fields };
}

function openSearchRights({ names, privileges, query, except = [] }: Rights): object {
  return {
    index_patterns: names,
    allowed_actions: [privileges ? 'indices_all' : 'read'],
    ...(query && { dls: JSON.stringify(query) }),
    ...(except.length > 0 && { fls: except.map((field) => `~${field}`) }),
  };
}
