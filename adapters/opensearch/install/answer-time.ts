/** The time limit of a call whose answer waits for the service. */

/** How long both clients wait by default, in seconds. */
const clientSeconds = 30;
/** Time for the first stage and for the way there and back, in seconds. */
const marginSeconds = 5;

/**
 * Time for a call that ends with the service's answer or the connector's read timeout, in milliseconds: long enough
 * that the cluster gives up first, for its words name the cause.
 */
export function answerTimeoutMs(readTimeoutSeconds: number): number {
  return 1000 * Math.max(clientSeconds, readTimeoutSeconds + marginSeconds);
}
