/**
 * The words of the prompts. They are a data interface: a checkpoint that was trained on them works only if they match
 * byte for byte.
 */
import type { ChatFrame, PromptTemplate } from './in-context-prompt.ts';

const instructionText =
  'You will be given a query and a list of documents. Each document will be formatted as ID: <id> | CONTENT: <content> | END ID: <id>. You need to read carefully and understand all of them and your goal is to find all document(s) from the list that can help answer the query.';

/** The prompt of BlockRank's released checkpoint. Source: BlockRank (arXiv:2510.05396) and its public code. */
export function blockRankTemplate({ opening, turn, closing }: ChatFrame): PromptTemplate {
  return {
    instruction: [`${opening}${instructionText}\nQuery: `, '\n\nDocuments:'],
    document: (index) => [`\nID: ${index} | CONTENT: `, ` | END ID: ${index}`],
    question: [
      "\n\n====== Now let's start! ======\nWhich document is most relevant to answer the query? Print out the ID of the document.\nQuery: ",
      `\nThe following document(s) can help answer the query:${turn}Final Answer: `,
    ],
    answer: '[',
    closing,
  };
}

/** The prompt of in-context reranking without training. Source: Chen et al. (arXiv:2410.02642). */
export function icrTemplate({ opening, turn, closing }: ChatFrame): PromptTemplate {
  return {
    instruction: [`${opening}Here are some paragraphs:`],
    document: (index) => [`\n\n[${index + 1}] `, ''],
    question: [
      '\n\nPlease answer the following question based on the information in the paragraphs above.\n\nQuery: ',
      turn.trimEnd(),
    ],
    answer: '',
    closing,
  };
}

/** A query without content: the attention under it is due to the documents alone, not to a question. */
export const contentFreeQuery = 'N/A';
