/** The door of the HTTP service. */
export type { RerankerConfig, StateRedisConfig } from '../config/reranker-schema.ts';
export type * from '../config/service-schema.ts';
export type { ListenTls } from './app.ts';
export type { ServedModel, Serving } from './generation.ts';
export { type GuardOptions, guardedReranker } from './guarded-reranker.ts';
export { hashKey } from './keys.ts';
export { type ServiceMetrics, serviceMetrics } from './metrics.ts';
export { type RerankService, type RerankServiceOptions, rerankService } from './service.ts';
