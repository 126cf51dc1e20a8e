/** The configuration of a way to rank. */
import { stringify } from 'yaml';
import { type Choice, parseChoice } from '../../compose/index.ts';
import { namedRouter } from './cost-rerankers.ts';

/** Lines for the configuration file, or for a program where no file can say it. */
export function chosenConfiguration(name: string): readonly string[] {
  const router = namedRouter(name);
  if (router) return ['reranker:', `  router: ${inline(router)}`];
  const choice = parseChoice(name);
  switch (choice.kind) {
    case 'first-stage':
      return ['# The first stage alone: nothing to rerank with.'];
    case 'local':
      return localLines(choice);
    case 'remote':
      return ['# A service: see reranker.router.remotes, or remoteReranker in a program.'];
    case 'cascade':
      return cascadeLines(choice);
    default:
      throw new TypeError(`chosenConfiguration: unknown choice ${JSON.stringify(choice satisfies never)}.`);
  }
}

function localLines({ settings, isFused }: Extract<Choice, { kind: 'local' }>): string[] {
  const reranker = Object.entries(settings).map(([key, value]) => `  ${key}: ${inline(value)}`);
  return [
    ...(reranker.length > 0 ? ['reranker:', ...reranker] : ['reranker: {}']),
    ...(isFused ? [] : ['stage:', '  fusion: false']),
  ];
}

/** A value on one line. */
function inline(value: unknown): string {
  return stringify(value, { defaultStringType: 'PLAIN', collectionStyle: 'flow', lineWidth: 0 }).trim();
}

/** A cascade over the first stage is a window. */
function cascadeLines({ cheap, dear, first }: Extract<Choice, { kind: 'cascade' }>): readonly string[] {
  if (parseChoice(cheap).kind === 'first-stage' && first !== undefined) {
    const lines = chosenConfiguration(dear);
    const window = `  rankWindowSize: ${first}`;
    const at = lines.indexOf('stage:');
    return at === -1
      ? [...lines, 'stage:', window]
      : [...lines.slice(0, at + 1), window, ...lines.slice(at + 1)];
  }
  return [
    `# In a program: cascadeReranker({ cheap, dear${first === undefined ? ', margin: 0.5' : `, first: ${first}`} }), of`,
    ...[cheap, dear].flatMap((member) => chosenConfiguration(member).map((line) => `#   ${line}`)),
  ];
}
