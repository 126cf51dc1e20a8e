/** `blockrank proxy`: a reverse proxy before a cluster, until SIGTERM or Ctrl-C. */
import { Command } from 'commander';
import { indexOptions } from '../../options/index-options.ts';
import {
  listenTlsOptions,
  proxyOptions,
  proxyStageOptions,
  targetTlsOptions,
} from '../../options/proxy-options.ts';
import { stageOptions } from '../../options/stage-options.ts';
import type { CliContext } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { configFlag, fieldFlag, jsonFlag } from '../shared-flags.ts';
import type { ProxyFlags } from './proxy-flags.ts';

const examples = `
Examples:
  $ blockrank proxy --target http://localhost:9200 --index 'products-*' --field title --field description
  $ blockrank proxy --target https://es.example:9200 --ca ca.pem --index products --field title --deadline 300
  $ blockrank proxy --config blockrank.config.yaml --host 0.0.0.0 --json

Applications use the proxy's address in place of the cluster's, with the credentials that they have. Searches of the
named indices come back reranked, and say so in the header x-blockrank; everything else passes untouched. A request's
own header x-blockrank may hold on, off, or JSON such as {"topN":5,"rankWindowSize":50,"queryText":"stars"}.
Probes and metrics: /_blockrank/healthz, /_blockrank/readyz, /_blockrank/metrics. SIGTERM and Ctrl-C end the proxy once
requests in flight are answered; with --config, SIGHUP and a change of the file take its settings anew.`;

/** Makes the command `proxy`. */
export function proxyCommand(context: CliContext): Command {
  const command = new Command('proxy').description(
    'stand before a cluster: searches come back reranked, everything else passes untouched',
  );
  addFlags(command, [configFlag(), jsonFlag('print where it listens as JSON')]);
  addFlags(command, clusterFlags(), 'Cluster:');
  addFlags(command, listeningFlags(), 'Listening:');
  addFlags(command, rankingFlags(), 'Ranking:');
  return command.addHelpText('after', examples).action(async (flags: ProxyFlags) => {
    const { proxy } = await import('./proxy.ts');
    await proxy(context, flags);
  });
}

function clusterFlags(): readonly Flag[] {
  return [
    new Flag('--target <url>', proxyOptions.target),
    new Flag('--server <name>', proxyOptions.server),
    new Flag('--ca <file>', targetTlsOptions.ca),
    new Flag('--cert <file>', targetTlsOptions.cert),
    new Flag('--key <file>', targetTlsOptions.key),
    new Flag('--key-passphrase <text>', targetTlsOptions.passphrase, { env: 'BLOCKRANK_KEY_PASSPHRASE' }),
    new Flag('--insecure', targetTlsOptions.insecure),
    new Flag('--timeout <ms>', proxyOptions.timeoutMs),
  ];
}

function listeningFlags(): readonly Flag[] {
  return [
    new Flag('--host <address>', proxyOptions.host),
    new Flag('--port <n>', proxyOptions.port),
    new Flag('--tls-cert <file>', listenTlsOptions.cert),
    new Flag('--tls-key <file>', listenTlsOptions.key),
  ];
}

function rankingFlags(): readonly Flag[] {
  return [
    new Flag('--index <pattern>', proxyOptions.indices),
    fieldFlag(),
    new Flag('--window <n>', stageOptions.rankWindowSize),
    new Flag('--max-result-window <n>', indexOptions.maxResultWindow),
    new Flag('--deadline <ms>', proxyStageOptions.deadlineMs),
    new Flag('--max-concurrent <n>', proxyOptions.maxConcurrent),
    new Flag('--on-failure <policy>', stageOptions.onFailure),
    new Flag('--no-marks', proxyOptions.marks, { help: 'leave answers without the property "blockrank"' }),
    new Flag('--scores <whose>', proxyOptions.scores),
    ...modelOptions(),
  ];
}
