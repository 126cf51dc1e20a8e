/** A real server with the documents that the suites of first stages search. */
import { afterAll, beforeAll } from 'vitest';
import { indexSuiteDocuments } from '../suites/suite-subjects.ts';
import { type RunningServer, type ServerChoice, startServer } from './start.ts';

/**
 * Starts a server before the tests of the calling suite, and closes it after them. @returns A function that gives its
 * address, once it runs.
 */
export function suiteServer(choice: ServerChoice): () => string {
  let server: RunningServer | undefined;
  beforeAll(async () => {
    server = await startServer(choice);
    await indexSuiteDocuments(server.url, 'suite');
  });
  afterAll(() => server?.close());
  return () => server!.url;
}
