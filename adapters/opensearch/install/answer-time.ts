/** How long a call may take whose answer waits for the service. */

/** How long both clients wait by themselves, in seconds. */
const clientSeconds = 30;
/** The first stage, and the way there and back, in seconds. */
const marginSeconds = 5;

/**
 * Time for a call that ends with the service's answer or the connector's read timeout, in milliseconds: never so short
 * that this gives up before the cluster does, whose words name the cause.
 */
export function answerTimeoutMs(readTimeoutSeconds: number): number {
  return 1000 * Math.max(clientSeconds, readTimeoutSeconds + marginSeconds);
}
