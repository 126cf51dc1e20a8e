/** `blockrank proxy`: a reverse proxy before a cluster, until it is told to end. */
import { Command, Option } from 'commander';
import type { CliContext } from '../context.ts';
import { finiteNumber, list, wholeNumber } from '../option-values.ts';
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
  const command = new Command('proxy')
    .description('stand before a cluster: searches come back reranked, everything else passes untouched')
    .option('--config <file>', 'configuration file (blockrank.config.yaml)')
    .option('--json', 'print where it listens as JSON');
  addGroup(command, 'Cluster:', clusterOptions());
  addGroup(command, 'Listening:', listeningOptions());
  addGroup(command, 'Ranking:', rankingOptions());
  return command.addHelpText('after', examples).action(async (flags: ProxyFlags) => {
    const { proxy } = await import('./proxy.ts');
    await proxy(context, flags);
  });
}

function addGroup(command: Command, name: string, options: readonly Option[]): void {
  for (const option of options) command.addOption(option.helpGroup(name));
}

function clusterOptions(): readonly Option[] {
  return [
    new Option('--target <url>', 'address of the cluster'),
    new Option('--server <name>', 'what it is (default: asked at the start)').choices([
      'elasticsearch',
      'opensearch',
    ]),
    new Option('--ca <file>', "certificates (PEM) that may have signed the cluster's"),
    new Option('--cert <file>', "the proxy's certificate (PEM) for the cluster"),
    new Option('--key <file>', "the proxy's private key (PEM) for the cluster"),
    new Option('--key-passphrase <text>', 'what the private key is encrypted with').env(
      'BLOCKRANK_KEY_PASSPHRASE',
    ),
    new Option('--insecure', "do not check the cluster's certificate (warns)"),
    new Option('--timeout <ms>', 'how long the cluster may keep silent (default: 300000)').argParser(
      finiteNumber({ min: 1 }),
    ),
  ];
}

function listeningOptions(): readonly Option[] {
  return [
    new Option('--host <address>', 'address to listen on (default: 127.0.0.1)'),
    new Option('--port <n>', 'port to listen on; 0 for any free one (default: 9201)').argParser(
      wholeNumber({ min: 0, max: 65_535 }),
    ),
    new Option('--tls-cert <file>', "the listener's certificate (PEM); callers then use https"),
    new Option('--tls-key <file>', "the listener's private key (PEM)"),
  ];
}

function rankingOptions(): readonly Option[] {
  return [
    new Option(
      '--index <pattern>',
      "indices that are reranked, e.g. 'products-*' (again for more)",
    ).argParser(list),
    new Option('--field <name>', 'field that the model reads (again for more, in this order)').argParser(
      list,
    ),
    new Option('--window <n>', 'how many leading hits are reranked (default: 100)').argParser(
      wholeNumber({ min: 1 }),
    ),
    new Option(
      '--max-result-window <n>',
      'smallest index.max_result_window of these indices: no window is fetched beyond it (default: 10000)',
    ).argParser(wholeNumber({ min: 1 })),
    new Option('--deadline <ms>', 'time for search and reranking (default: 10000)').argParser(
      finiteNumber({ min: 1 }),
    ),
    new Option(
      '--max-concurrent <n>',
      'searches reranked at once; what comes beyond it passes untouched (default: 64)',
    ).argParser(wholeNumber({ min: 1 })),
    new Option(
      '--on-failure <policy>',
      "what a failed reranking leaves (default: the cluster's order)",
    ).choices(['keep-first-stage', 'throw']),
    new Option('--no-marks', 'leave answers without the property "blockrank"'),
    new Option('--scores <whose>', 'which number hits carry as _score (default: first-stage)').choices([
      'first-stage',
      'reranked',
    ]),
    new Option('--model <dir>', 'model folder (default: the one of the package)'),
    new Option('--precision <name>', 'how matrices are multiplied (default: fp32)').choices([
      'fp32',
      'int8',
      'fp16',
    ]),
    new Option('--device <name>', 'where the model runs (default: cpu)').choices([
      'auto',
      'cpu',
      'webgpu',
      'cuda',
    ]),
    new Option('--tier <name>', 'read every token, or one vector a block (default: tokens)').choices([
      'tokens',
      'anchor',
    ]),
  ];
}
