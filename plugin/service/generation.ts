/**
 * A configuration in use. A request keeps the configuration under which it arrived; an old one is closed when its last
 * request is done.
 */
import type { Reranker } from '../../engine/index.ts';
import type { ServiceConfig } from '../config/service-schema.ts';
import { ServiceFault } from './fault.ts';
import { type Caller, type KeyRing, keyRing } from './keys.ts';
import { type ServiceSettings, serviceSettings } from './settings.ts';

/** A model as requests name it. */
export interface ServedModel {
  /** Its name. */
  readonly name: string;
  /** Other names; `*` stands for any characters. @defaultValue none */
  readonly aliases?: readonly string[] | undefined;
  /** The reranker of the model; the service never closes it. */
  readonly reranker: Reranker;
}

/** The configuration and the models that a service serves. */
export interface Serving {
  /** Limits, keys, cache. The listener's settings are read once, when the service starts. */
  readonly config: ServiceConfig;
  /** Models, at least one; the first answers requests that name no model. */
  readonly models: readonly ServedModel[];
  /** Called once no request uses these models any more. @defaultValue nothing */
  readonly onUnused?: (() => void) | undefined;
}

/** See the file's header. */
export class Generation {
  readonly settings: ServiceSettings;
  readonly keys: KeyRing;
  readonly models: readonly ServedModel[];
  readonly #onUnused: () => void;
  readonly #aliases: readonly (readonly [RegExp, ServedModel])[];
  #users = 0;
  #isRetired = false;

  constructor({ config, models, onUnused = () => {} }: Serving) {
    if (models.length === 0) throw new RangeError('rankService: expected at least one model, got none.');
    this.settings = serviceSettings(config);
    this.keys = keyRing(config.keys);
    this.models = models;
    this.#onUnused = onUnused;
    this.#aliases = models.flatMap((model) =>
      (model.aliases ?? []).map((alias) => [toPattern(alias), model] as const),
    );
  }

  /**
   * The model of a name, for a caller. Looks the name up among open models; never opens one. @throws ServiceFault when
   * there is none that the caller may use.
   */
  modelFor(name: string | undefined, { models }: Caller): ServedModel {
    const allowed = models ? this.models.filter((model) => models.has(model.name)) : this.models;
    const found = name === undefined ? allowed[0] : this.#find(name);
    const names = allowed.map((model) => model.name).join(', ');
    if (!found) {
      throw new ServiceFault('unknown-model', `No model of that name is served. Served: ${names}.`);
    }
    if (!allowed.includes(found)) {
      throw new ServiceFault('forbidden', `This key may not use that model. It may use: ${names}.`);
    }
    return found;
  }

  /** Holds the generation while a request runs. */
  enter(): void {
    this.#users += 1;
  }

  /** Releases the generation after a request. */
  leave(): void {
    this.#users -= 1;
    this.#closeIfUnused();
  }

  /** Marks the generation as old: no new request will enter. */
  retire(): void {
    this.#isRetired = true;
    this.#closeIfUnused();
  }

  #find(name: string): ServedModel | undefined {
    const named = this.models.find((model) => model.name === name);
    return named ?? this.#aliases.find(([pattern]) => pattern.test(name))?.[1];
  }

  #closeIfUnused(): void {
    if (this.#isRetired && this.#users === 0) this.#onUnused();
  }
}

function toPattern(alias: string): RegExp {
  const escaped = alias.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}
