/** The status of an installation in Elasticsearch. */
import { licenceIssues, readElasticsearchState, tryEndpoint } from '../../../adapters/elasticsearch/index.ts';
import type { StatusReport, StatusSubject } from './status-report.ts';

/** Reports the status: reads the cluster, and asks the endpoint once. */
export async function elasticsearchReport(subject: StatusSubject): Promise<StatusReport> {
  const { calls, flags, service, signal } = subject;
  const { version, licence, endpoint } = await readElasticsearchState(calls, flags.name, { signal });
  const readiness = await service?.readiness();
  const before = await service?.countRequests();
  const trial = endpoint ? await tried(subject) : undefined;
  const after = await service?.countRequests();
  const asked = before === undefined || after === undefined ? undefined : after - before;
  const [licenceIssue] = licenceIssues(licence);
  const fault =
    licenceIssue?.message ?? (endpoint ? trial?.failure : `no inference endpoint "${flags.name}"`);
  const line = (part: string, text: string): string => `  ${part.padEnd(18)}  ${text}`;
  return {
    lines: [
      `Elasticsearch ${version}`,
      line('licence', licence ? `${licence.type}, ${licence.status}` : 'unknown'),
      line(
        'inference endpoint',
        endpoint ? `present: ${endpoint.service} -> ${String(endpoint.settings['url'])}` : 'absent',
      ),
      line('service', readiness?.detail ?? 'not asked (--service)'),
      ...(trial
        ? [
            line(
              'probe',
              trial.failure ?? `answers: two sample documents score ${trial.scores!.join(' and ')}`,
            ),
          ]
        : []),
      ...(asked === undefined ? [] : [line('', `the service answered ${asked} requests`)]),
    ],
    json: { version, licence, endpoint, service: readiness, probe: trial, serviceRequests: asked },
    ...(fault !== undefined && { fault }),
  };
}

interface Tried {
  /** Scores of two sample documents; absent when the endpoint did not answer. */
  readonly scores?: readonly number[];
  /** Why the endpoint did not answer; absent when it did. */
  readonly failure?: string;
}

async function tried({ calls, flags, signal }: StatusSubject): Promise<Tried> {
  try {
    return { scores: await tryEndpoint(calls, flags.name, { query: flags.query, signal }) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    return { failure: error.message };
  }
}
