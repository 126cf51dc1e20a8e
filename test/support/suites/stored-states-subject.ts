/**
 * Prepares servers for the suite of stored states: an index of the suite's documents, and states beside it or in it.
 */
import { sidecarIndex } from '../../../adapters/server.ts';
import {
  type StoredStatesSuiteOptions,
  type SuiteSubject,
  storedStatesSuite,
} from '../../../plugin/testing/index.ts';
import { indexSuiteDocuments } from './suite-subjects.ts';

/** A place of states that can hold bytes. */
export type BytesPlace =
  | { readonly kind: 'sidecar'; readonly generation: string }
  | { readonly kind: 'field' };

const places: readonly BytesPlace[] = [{ kind: 'field' }, { kind: 'sidecar', generation: 'g' }];
let made = 0;

/** Runs the suite over both places on one server. */
export function storedStatesSuites<Request, Response>(options: {
  /** Name of the client. */
  readonly name: string;
  readonly url: () => string;
  readonly open: (
    index: string,
    place: BytesPlace,
  ) => SuiteSubject<Request, Response> & { close(): Promise<void> };
}): void {
  for (const place of places) {
    const open: StoredStatesSuiteOptions<Request, Response>['open'] = async () => {
      made += 1;
      const index = `stated-${place.kind}-${made}`;
      await indexSuiteDocuments(options.url(), index);
      return {
        ...options.open(index, place),
        keep: (docId, state) => keepState(options.url(), index, { place, docId, state }),
      };
    };
    storedStatesSuite({ name: `${options.name}, ${place.kind},`, open });
  }
}

/** Keeps bytes as the state of a document. */
export async function keepState(
  url: string,
  index: string,
  { place, docId, state }: { place: BytesPlace; docId: string; state: Uint8Array },
): Promise<void> {
  const text = Buffer.from(state).toString('base64');
  const request =
    place.kind === 'field'
      ? { path: `${index}/_update/${docId}`, body: { doc: { blockrank_state: { state: text } } } }
      : { path: `${sidecarIndex(index, place.generation)}/_doc/${docId}`, body: { state: text } };
  const response = await fetch(`${url}/${request.path}?refresh=true`, {
    method: 'POST',
    body: JSON.stringify(request.body),
    headers: { 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(`keepState: ${response.status} ${await response.text()}`);
}
