/** Reads container files. */

/** One instruction of a container file. */
export interface Instruction {
  /** For instance `RUN`. */
  readonly keyword: string;
  /** What stands behind it. */
  readonly text: string;
}

/** Instructions of each stage, continued lines joined. */
export function stagesOf(dockerfile: string): readonly (readonly Instruction[])[] {
  const lines = dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, keyword = '', text = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (keyword === 'FROM') stages.push([]);
    stages.at(-1)?.push({ keyword, text });
  }
  return stages;
}

/** What stands behind a keyword in a stage. */
export const instructionTexts = (stage: readonly Instruction[] | undefined, keyword: string): string[] =>
  (stage ?? []).filter((each) => each.keyword === keyword).map(({ text }) => text);

/** Paths of the build's folder that stages copy. */
export const copiedSources = (stages: readonly (readonly Instruction[])[]): string[] =>
  stages
    .flatMap((stage) => instructionTexts(stage, 'COPY'))
    .filter((text) => !text.startsWith('--from'))
    .flatMap((text) => text.split(/\s+/).slice(0, -1));

/** Paths that a `.dockerignore` which ignores everything lets through. */
export const allowedPaths = (dockerignore: string): string[] =>
  dockerignore
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
