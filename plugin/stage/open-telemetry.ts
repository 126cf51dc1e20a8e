/** Spans for the parts of a search. */
import { type Attributes, type Span, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { StageTracing, TraceAttributes } from './events.ts';

/**
 * Traces a stage with OpenTelemetry: `blockrank.search` is a child of the caller's active span, and
 * `blockrank.first-stage` and `blockrank.rerank` are its children; the search client's own spans nest below.
 * A context manager must be registered (the SDK's `NodeTracerProvider` does so).
 */
export function openTelemetryStageTracing(tracer: Tracer): StageTracing {
  return {
    trace: (part, attributes, run) =>
      tracer.startActiveSpan(`blockrank.${part}`, { attributes: prefixed(attributes) }, async (span) => {
        try {
          return await run((more) => span.setAttributes(prefixed(more)));
        } catch (error) {
          fail(span, error);
          throw error;
        } finally {
          span.end();
        }
      }),
  };
}

function prefixed(attributes: TraceAttributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`blockrank.${name}`, value]));
}

function fail(span: Span, error: unknown): void {
  const exception = error instanceof Error ? error : new Error(String(error));
  span.recordException(exception);
  span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message });
}
