/** Advice on a server's failure, for everybody who can act: applications, operators, builders of states. */

/** How a call of a search client failed. */
export interface Failure {
  /** The error's name. */
  readonly name: string;
  /** HTTP status, where the server answered. */
  readonly statusCode: number | undefined;
  /** What the server or the client said. */
  readonly said: string;
}

/** Advice to a searching application, by the name of the search client's error. */
const searchAdviceByName: Readonly<Record<string, string>> = {
  ConnectionError: "Check the address in the client's options and that the server runs.",
  NoLivingConnectionsError: "Check the addresses in the client's options and that the servers run.",
  TimeoutError: "Raise the client's requestTimeout, or make the query cheaper.",
  DeserializationError:
    "The answer is no JSON: check that the address is a search server and not a proxy's error page.",
  SerializationError: 'The request holds something that JSON cannot say, for instance a cycle or a BigInt.',
  ProductNotSupportedError:
    'This is no Elasticsearch: for OpenSearch take opensearchAdapter with the client of "@opensearch-project/opensearch".',
  ConfigurationError: "Check the client's options.",
  RequestAbortedError:
    "Something other than the call's signal ended the request: look for an abort of the client.",
};

const searchAdviceByStatus: Readonly<Record<number, string>> = {
  400: 'Correct the request; the reason names the part that is wrong.',
  401: "Check the credentials in the client's options.",
  403: 'Give these credentials the privilege to read the index.',
  404: 'Check the name of the index.',
  408: "Raise the client's requestTimeout, or make the query cheaper.",
  413: "Lower rankWindowSize, or raise the server's http.max_content_length.",
  429: 'The server is overloaded: send fewer searches at once, or retry later.',
};

/** Advice to an application whose search failed. */
export function searchAdvice({ name, statusCode, said }: Failure): string {
  if (said.includes('media_type_header_exception')) {
    return 'The client is newer than the server: give it the headers accept and content-type "application/vnd.elasticsearch+json; compatible-with=8", or take the client of the server\'s version.';
  }
  if (said.includes('Result window is too large')) {
    return 'Lower from, size or rankWindowSize, or raise index.max_result_window and give its value as maxResultWindow.';
  }
  const byName = Object.hasOwn(searchAdviceByName, name) ? searchAdviceByName[name] : undefined;
  if (byName !== undefined) return byName;
  if (statusCode === undefined) return "Look at the error's cause.";
  return (
    searchAdviceByStatus[statusCode] ??
    (statusCode >= 500 ? "Look at the server's log, and retry later." : "Look at the error's cause.")
  );
}

/** Advice to an operator whose call got no answer, by the name of the client's error. */
const callAdviceByName: Readonly<Record<string, string>> = {
  ConnectionError: "check the server's address, and that it runs",
  NoLivingConnectionsError: "check the server's address, and that it runs",
  TimeoutError: 'the server takes longer than this waits: look at its load, and run this again',
  DeserializationError: "the answer is no JSON: check that the address is a search server's",
  ProductNotSupportedError: 'this is no Elasticsearch: for OpenSearch, "blockrank install opensearch"',
  RequestAbortedError: 'something ended the request: run this again',
};

/** Advice to an operator whose call got no answer, as a clause; `name` is that of the client's error. */
export function callAdvice(name: string): string {
  return callAdviceByName[name] ?? "look at the error's cause";
}

/** Advice to an operator on a refusal, by its status and the server's words. */
export function refusalAdvice(status: number, said: string): string {
  if (said.includes('media_type_header_exception')) {
    return 'The client is newer than the server: give --compatible-with 8.';
  }
  if (/index_not_found|no such index/.test(said)) {
    return 'Correct the name of the index (--index), or make the index first.';
  }
  if (status === 401) {
    return 'The cluster does not know who asks: check --username and --password, --api-key, --bearer, or the --aws options.';
  }
  if (status === 403) {
    return 'The cluster refuses this user: give --username, --api-key, --bearer or --aws options of whoever administers it.';
  }
  if (status >= 500) return "Look at the server's log.";
  return 'The reason names what is wrong.';
}

/**
 * Advice to an operator on a refusal while states are built; `undefined` where the status alone does not tell what to
 * do.
 */
export function buildAdvice(status: number): string | undefined {
  if (status === 403) {
    return 'Give these credentials the rights to read and refresh the index and to see its statistics, and to make and write the indices of states.';
  }
  if (status === 404) return 'Check the name of the index.';
  if (status === 429) return 'The server stayed overloaded: lower the documents a second, and start again.';
  return undefined;
}
