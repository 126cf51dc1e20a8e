/** Finds AWS credentials: in the configuration, a profile, the environment, else the AWS SDK's own search. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '../../engine/index.ts';
import type { Environment } from '../config/environment.ts';
import type { AwsSigning } from '../config/schema.ts';

/** Keys that sign requests. */
export interface AwsKeys {
  /** Public part. */
  readonly accessKeyId: string;
  /** Secret part. */
  readonly secretAccessKey: string;
  /** Session token of temporary credentials. */
  readonly sessionToken?: string;
}

/** Loads a package by its name. */
export type ImportPackage = (name: string) => Promise<unknown>;

/** An optional package, loaded only when no nearer source gives keys. */
const sdkPackage: string = '@aws-sdk/credential-provider-node';

/**
 * A function that gives credentials; the client calls it before every request. Roles, containers and single sign-on
 * need the package `@aws-sdk/credential-provider-node`.
 *
 * @param importPackage - Loads the package. @throws ConfigurationError when no source gives credentials.
 */
export async function awsCredentials(
  aws: AwsSigning,
  env: Environment,
  importPackage: ImportPackage,
): Promise<() => Promise<AwsKeys>> {
  const sdk = (profile: string | undefined): ReturnType<typeof sdkProvider> =>
    sdkProvider(profile, importPackage);
  const keys =
    staticKeys(aws) ?? (aws.profile ? undefined : environmentKeys(env)) ?? (await profileKeys(aws, env, sdk));
  if (keys) return () => Promise.resolve(keys);
  const fromSdk = await sdk(aws.profile ?? env['AWS_PROFILE']);
  if (fromSdk) return fromSdk;
  const message =
    'no AWS credentials: give accessKeyId and secretAccessKey, a profile, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run "npm install @aws-sdk/credential-provider-node" for roles and single sign-on';
  throw new ConfigurationError('Cannot connect', [{ path: 'opensearch.aws', message }]);
}

function staticKeys({ accessKeyId, secretAccessKey, sessionToken }: AwsSigning): AwsKeys | undefined {
  if (!(accessKeyId && secretAccessKey)) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

function environmentKeys(env: Environment): AwsKeys | undefined {
  return staticKeys({
    region: '',
    accessKeyId: env['AWS_ACCESS_KEY_ID'],
    secretAccessKey: env['AWS_SECRET_ACCESS_KEY'],
    sessionToken: env['AWS_SESSION_TOKEN'],
  });
}

async function profileKeys(
  aws: AwsSigning,
  env: Environment,
  sdk: (profile: string) => Promise<unknown>,
): Promise<AwsKeys | undefined> {
  const profile = aws.profile ?? env['AWS_PROFILE'] ?? 'default';
  const isNamed = (aws.profile ?? env['AWS_PROFILE']) !== undefined;
  const path = env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(env['HOME'] ?? homedir(), '.aws', 'credentials');
  const sections = await readCredentialsFile(path, isNamed);
  const found = sections.get(profile);
  const keys = found && {
    region: '',
    accessKeyId: found['aws_access_key_id'],
    secretAccessKey: found['aws_secret_access_key'],
    sessionToken: found['aws_session_token'],
  };
  const result = keys && staticKeys(keys);
  if (result || !isNamed || (await sdk(profile))) return result;
  const message = `profile "${profile}" has no aws_access_key_id and aws_secret_access_key in "${path}"; profiles there: ${[...sections.keys()].join(', ') || 'none'} (a profile with a role needs "npm install ${sdkPackage}")`;
  throw new ConfigurationError('Cannot connect', [{ path: 'opensearch.aws.profile', message }]);
}

/** The shared credentials file: `[profile]` lines and `key = value` lines. */
async function readCredentialsFile(
  path: string,
  isNeeded: boolean,
): Promise<Map<string, Record<string, string>>> {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> = {};
  for (const line of (await readOptional(path, isNeeded)).split(/\r?\n/)) {
    const name = /^\s*\[\s*(.+?)\s*\]/.exec(line)?.[1];
    const setting = /^\s*([^#;=\s][^=\s]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (name !== undefined) {
      section = {};
      sections.set(name, section);
    } else if (setting) section[setting[1]!] = setting[2]!;
  }
  return sections;
}

async function readOptional(path: string, isNeeded: boolean): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !isNeeded) return '';
    const message = `cannot read the shared credentials file "${path}" (${code})`;
    throw new ConfigurationError('Cannot connect', [{ path: 'opensearch.aws.profile', message }], { cause });
  }
}

/** The AWS SDK's own search: roles, containers, single sign-on. */
async function sdkProvider(
  profile: string | undefined,
  importPackage: ImportPackage,
): Promise<(() => Promise<AwsKeys>) | undefined> {
  try {
    const sdk = (await importPackage(sdkPackage)) as {
      defaultProvider(options: object): () => Promise<AwsKeys>;
    };
    return sdk.defaultProvider(profile === undefined ? {} : { profile });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
