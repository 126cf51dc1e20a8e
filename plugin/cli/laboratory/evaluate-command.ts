/** `blockrank evaluate`: how good each order is on judged collections. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { addFlags } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { EvaluateOptions } from './evaluate-asked.ts';
import { cacheFlags, candidatesFlag, countFlag, dataFlag, textFlag, windowFlag } from './laboratory-flags.ts';

const examples = `
Examples:
  $ blockrank evaluate --data data/trec-dl19 --candidates bm25 --rerankers first-stage,cosine,default
  $ blockrank evaluate --data data/scifact data/nfcorpus --candidates bm25 --json results.json --chart results.svg
  $ blockrank evaluate --data data/scifact --candidates bm25 --rerankers first-stage,default,depth-6
  $ blockrank evaluate --data my-judgements --candidates embedded --run-dir runs
  $ blockrank evaluate --data data/nfcorpus --candidates bm25 --states anchor-int8,tokens-int8,tokens-int8:32
  $ blockrank evaluate --data data/trec-dl19 --candidates bm25 --budget 100,200,400,800,1600
  $ blockrank evaluate --data data/trec-dl19 --candidates bm25 --diversify 0.5,0.7,0.9

A collection is a folder with corpus.jsonl {_id, title, text}, queries.jsonl {_id, text}, qrels.tsv (query-id,
corpus-id, score) and, for --candidates NAME, candidates-NAME.tsv (query-id, corpus-id, rank, score).`;

/** Makes the command. */
export const evaluateCommand: MakeCommand = (context) => {
  const command = new Command('evaluate').description(
    'Measures rerankers on collections with relevance judgements, against their first stage.',
  );
  return addFlags(command, [
    dataFlag('--data <folders...>', 'collections; with several, an average too'),
    candidatesFlag(),
    textFlag(
      '--rerankers <names>',
      'first-stage, default, model; of encoders also cosine, anchor, sum-join, max-join, depth-N: default at depth N, drop-PERCENT: default with so many of the documents read, and stop-PERCENT: default with reading stopped at that risk of another page; separated by commas (default: first-stage,cosine,default; of decoders first-stage,default)',
    ),
    textFlag(
      '--states <codecs>',
      'instead: what keeping block states costs, in bytes and in the default order; anchor-fp16, anchor-int8, tokens-fp16, tokens-int8, of tokens at most n a document as in tokens-int8:32; separated by commas',
    ),
    textFlag(
      '--budget <ms>',
      'besides: the default order in so many milliseconds a list, of documents that were never read before; separated by commas',
    ),
    textFlag(
      '--diversify <lambdas>',
      'besides: the default order with variety, at each weight of the order from 0 to 1; how far apart the first ten are, and what it costs; separated by commas',
    ),
    textFlag('--measures <names>', 'nDCG@k, RR@k, AP, P@k, R@k; separated by commas', 'nDCG@10,RR@10'),
    windowFlag(100),
    countFlag('--limit <n>', 'only the first n judged queries of each collection', {}),
    ...modelOptions({ only: ['model', 'precision', 'queryPrecision', 'device', 'loops', 'residual'] }),
    jsonFlag('results as JSON, to a file or to standard output', '--json [file]'),
    textFlag('--run-dir <folder>', 'write each order as a TREC run'),
    textFlag('--chart <file>', 'write a bar chart of the first measure as SVG'),
    ...cacheFlags(),
  ])
    .addHelpText('after', examples)
    .action(async (options: EvaluateOptions) => {
      const { evaluate } = await import('./evaluate.ts');
      await evaluate(context, options);
    });
};
