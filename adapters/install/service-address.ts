/** The reranking service's address, as an operator gives it. */
import type { ConfigurationIssue } from '../../engine/index.ts';

/**
 * The service's address with the path of a wire form at its end.
 *
 * @param issues - Gets the issues of a wrong address; the result is then empty.
 */
export function rerankAddress(serviceUrl: string, path: string, issues: ConfigurationIssue[]): string {
  const url = URL.canParse(serviceUrl) ? new URL(serviceUrl) : undefined;
  const fault = faultOf(url);
  if (url && fault === undefined) return `${url.origin}${url.pathname.replace(/\/+$/, '')}${path}`;
  issues.push({ path: 'serviceUrl', message: `${fault}, got "${serviceUrl}"` });
  return '';
}

function faultOf(url: URL | undefined): string | undefined {
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    return 'expected the address of the service as the cluster reaches it, e.g. http://blockrank:8080';
  }
  if (url.username || url.password) return 'credentials do not belong in the address: give the service key';
  if (url.search || url.hash) return 'expected an address without parameters';
  return /\/rerank\/*$/.test(url.pathname)
    ? 'expected the address without the path of an endpoint'
    : undefined;
}
