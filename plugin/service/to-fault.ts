/** Turns any error into the fault that the caller gets. The reranker's words about texts never leave the service. */
import { BrokenCircuitError } from 'cockatiel';
import {
  BlockRankError,
  DeadlineExceededError,
  MemoryLimitError,
  RemoteServiceError,
} from '../../engine/index.ts';
import { ServiceFault, tooLarge } from './fault.ts';

/** Turns any error into a fault. */
export function toFault(error: unknown): ServiceFault {
  if (error instanceof ServiceFault) return error;
  // A remote reranker's error has a status too, but it is the answer to this service, not to its caller.
  if (error instanceof BlockRankError) return rerankerFault(error);
  return httpFault(error) ?? rerankerFault(error);
}

/** Errors of Fastify and its plugins, told apart by their codes. */
function httpFault(error: unknown): ServiceFault | undefined {
  const { code = '', statusCode = 500 } = error as { code?: string; statusCode?: number };
  if (statusCode === 413) return tooLarge();
  if (statusCode === 415) {
    return new ServiceFault('media-type', 'Expected the content type application/json.');
  }
  if (statusCode === 429) {
    return new ServiceFault('tenant-limit', 'This key has used up its requests of this minute.', {
      retryAfterS: 60,
    });
  }
  if (code.startsWith('FST_') || error instanceof SyntaxError || statusCode === 400) {
    return new ServiceFault('invalid', 'Cannot read the request: expected a body of JSON.');
  }
  return undefined;
}

function rerankerFault(error: unknown): ServiceFault {
  if (error instanceof BrokenCircuitError) {
    return new ServiceFault('overloaded', 'The reranker failed too often and is left alone for a moment.', {
      retryAfterS: 5,
      cause: error,
    });
  }
  if (error instanceof DeadlineExceededError) {
    return new ServiceFault('deadline', 'The ranking took longer than allowed.', {
      retryAfterS: 1,
      cause: error,
    });
  }
  if (error instanceof MemoryLimitError) {
    return new ServiceFault('too-many-tokens', error.message, { cause: error });
  }
  if (error instanceof RemoteServiceError) {
    const { isTransient, statusCode } = error;
    const what =
      statusCode === undefined ? 'gave no answer that can be used' : `answered with status ${statusCode}`;
    return new ServiceFault('backend', `The service behind this one ${what}.`, {
      ...(isTransient && { retryAfterS: 1 }),
      cause: error,
    });
  }
  return new ServiceFault('backend', 'The reranker failed; the service has logged why.', { cause: error });
}
