/** Who says how good documents are, as a recipe names it: a model on this machine, or somebody else's service. */
import * as z from 'zod';
import { type RemoteApi, remoteApis } from '../../remote/remote-api.ts';

/** One reranker of a teacher: a model, or a service. */
export interface RecipeTeacher {
  /** Folder of a model of any kind that `openReranker` opens, relative to the recipe's, or `default`. */
  readonly model?: string | undefined;
  /** Depth of that model. @defaultValue all of its layers */
  readonly depth?: number | undefined;
  /** A service, in place of a model. */
  readonly remote?: RecipeRemote | undefined;
  /** Its share of the mixture. @defaultValue 1 */
  readonly weight: number;
}

/** A reranking service, with the names of `remoteReranker`. */
export interface RecipeRemote {
  /** Which wire form the service speaks. */
  readonly api: RemoteApi;
  /** The endpoint's whole address, without name and password. */
  readonly url: string;
  /** The service's name of the model. @defaultValue left out */
  readonly model?: string | undefined;
  /** Environment variable that holds the service's key: the recipe is copied into the training's folder. @defaultValue none */
  readonly apiKeyVariable?: string | undefined;
}

const text = z.string().min(1);

const remoteSchema = z.strictObject({
  api: z.enum(remoteApis as [RemoteApi, ...RemoteApi[]]),
  url: z
    .url({ protocol: /^https?$/, error: 'expected an address such as https://api.cohere.com/v2/rerank' })
    .refine((url) => !hasCredentials(url), {
      error: 'expected no name and password in it: the recipe is copied; give a key by apiKeyVariable',
    }),
  model: text.optional(),
  apiKeyVariable: text.optional(),
});

function hasCredentials(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username !== '' || password !== '';
}

/** Tells every problem of one. */
export const recipeTeacherSchema: z.ZodType<RecipeTeacher> = z
  .strictObject({
    model: text.optional(),
    depth: z.int().min(1).optional(),
    remote: remoteSchema.optional(),
    weight: z.number().positive().default(1),
  })
  .refine(({ model, remote }) => (model === undefined) !== (remote === undefined), {
    error: 'expected exactly one of model and remote',
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .refine(({ depth, remote }) => depth === undefined || remote === undefined, {
    path: ['depth'],
    error: 'a service has no depth; leave it out',
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

/** What a teacher is called in reports. */
export function teacherName({ model, depth, remote }: RecipeTeacher): string {
  if (remote) return `${remote.api}:${new URL(remote.url).host}${remote.model ? ` ${remote.model}` : ''}`;
  return depth === undefined ? String(model) : `${model} at depth ${depth}`;
}
