import { BlockRankError } from '../../../engine/index.ts';
import {
  composeProxy,
  type ProxyComposition,
  type ProxyContext,
  type ProxySettings,
} from '../../compose/proxy.ts';
import type { CliContext } from '../context.ts';
import { describeError } from '../errors.ts';
import { type ProxyFlags, proxySettings } from './proxy-flags.ts';
import { runFollowing } from './run-following.ts';

const phaseNames = {
  'first-stage': 'the cluster',
  states: 'fetching block states',
  rerank: 'reranking',
  'second-search': 'the second search',
} as const;

/** Least time between two notes on failures of one kind, in milliseconds. */
const noteIntervalMs = 10_000;

/** Runs the proxy until SIGTERM or Ctrl-C. @throws ConfigurationError listing what is wrong or missing. */
export function proxy(context: CliContext, flags: ProxyFlags): Promise<void> {
  return runFollowing(context, {
    path: flags.config,
    watch: { onHangup: flags.config !== undefined },
    async open() {
      const settings = await proxySettings(flags, context.env);
      const running = await composeProxy(settings, watching(context));
      tellStart(context, flags, { settings, running });
      return running;
    },
    reload: (running) => reload(context, flags, running),
  });
}

function tellStart(
  context: CliContext,
  flags: ProxyFlags,
  { settings, running }: { readonly settings: ProxySettings; readonly running: ProxyComposition },
): void {
  const { target, indices } = settings.proxy;
  const { url, server = 'unknown' } = running;
  if (flags.json) context.printJson({ url, target, server, indices });
  else context.print(`${url} stands before ${target} (${server}) and reranks ${indices.join(', ')}`);
}

/** Takes the new settings of file and options, or keeps those in use and says why. */
async function reload(context: CliContext, flags: ProxyFlags, running: ProxyComposition): Promise<void> {
  try {
    const unchanged = await running.reconfigure(await proxySettings(flags, context.env));
    context.note('blockrank: configuration taken');
    if (unchanged.length > 0)
      context.note(`blockrank: these settings need a restart: ${unchanged.join(', ')}`);
  } catch (error) {
    context.note(
      `blockrank: configuration refused, the one before stays in use: ${describeError(error, false)}`,
    );
  }
}

/** Tells failures on standard error by their kind; never quotes requests or hits. */
function watching(context: CliContext): ProxyContext {
  const last = new Map<string, number>();
  const tell = (kind: string, text: string): void => {
    const now = performance.now();
    if (now - (last.get(kind) ?? Number.NEGATIVE_INFINITY) < noteIntervalMs) return;
    last.set(kind, now);
    context.note(`blockrank: ${text}`);
  };
  return {
    onWarning: (message) => context.note(`blockrank: ${message}`),
    onFault: (error) => tell('fault', `the proxy failed: ${describeError(error, false)}`),
    events: {
      failure: ({ phase, error }) => {
        const code = error instanceof BlockRankError ? error.code : 'other';
        tell(`${phase} ${code}`, `${phaseNames[phase]} failed (${code})`);
      },
      unreranked: ({ reason, warnings }) => {
        if (reason !== 'first-stage-error') return;
        for (const { code, message } of warnings) tell(`warning ${code}`, message);
      },
      breaker: ({ state }) => tell(`breaker ${state}`, `the circuit breaker is ${state}`),
    },
  };
}
