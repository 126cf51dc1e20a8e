/** `blockrank evaluate`: how good each order is on judged collections. */
import { Command, Option } from 'commander';
import type { MakeCommand } from '../context.ts';
import { wholeNumber } from '../option-values.ts';
import type { EvaluateOptions } from './evaluate.ts';

const examples = `
Examples:
  $ blockrank evaluate --data data/trec-dl19 --candidates bm25 --rerankers first-stage,cosine,default
  $ blockrank evaluate --data data/scifact data/nfcorpus --candidates bm25 --json results.json --chart results.svg
  $ blockrank evaluate --data my-judgements --candidates embedded --run-dir runs
  $ blockrank evaluate --data data/nfcorpus --candidates bm25 --states anchor-int8,tokens-int8,tokens-int8:32

A collection is a folder with corpus.jsonl {_id, title, text}, queries.jsonl {_id, text}, qrels.tsv (query-id,
corpus-id, score) and, for --candidates NAME, candidates-NAME.tsv (query-id, corpus-id, rank, score).`;

/** Makes the command. */
export const evaluateCommand: MakeCommand = (context) =>
  new Command('evaluate')
    .description('Measures rerankers on collections with relevance judgements, against their first stage.')
    .requiredOption('--data <folders...>', 'collections; with several, an average too')
    .option(
      '--candidates <name>',
      'first stage: bm25 or another candidates-NAME.tsv, embedded, judged',
      'embedded',
    )
    .option(
      '--rerankers <names>',
      'first-stage, default, model; of encoders also cosine, anchor, sum-join, max-join; separated by commas (default: first-stage,cosine,default; of decoders first-stage,default)',
    )
    .option(
      '--states <codecs>',
      'instead: what keeping block states costs, in bytes and in the default order; anchor-fp16, anchor-int8, tokens-fp16, tokens-int8, of tokens at most n a document as in tokens-int8:32; separated by commas',
    )
    .option('--measures <names>', 'nDCG@k, RR@k, AP, P@k, R@k; separated by commas', 'nDCG@10,RR@10')
    .option('--depth <n>', 'candidates of a query that are reranked', wholeNumber({ min: 1 }), 100)
    .option('--limit <n>', 'only the first n judged queries of each collection', wholeNumber({ min: 1 }))
    .option('--model <folder>', 'model folder (default: the one that comes with blockrank)')
    .addOption(new Option('--precision <name>', 'fp32, int8 or fp16').choices(['fp32', 'int8', 'fp16']))
    .addOption(
      new Option('--device <name>', 'where the model runs').choices(['auto', 'cpu', 'webgpu', 'cuda']),
    )
    .option('--json [file]', 'results as JSON, to a file or to standard output')
    .option('--run-dir <folder>', 'write each order as a TREC run')
    .option('--chart <file>', 'write a bar chart of the first measure as SVG')
    .option('--cache <folder>', 'where encoded documents are kept between runs')
    .option('--no-cache', 'keep no encoded documents')
    .addHelpText('after', examples)
    .action(async (options: EvaluateOptions) => {
      const { evaluate } = await import('./evaluate.ts');
      await evaluate(context, options);
    });
