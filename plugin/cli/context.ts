/** The context of every command of `blockrank`: its streams, colours, progress and cancellation. */
import type { Readable, Writable } from 'node:stream';
import type { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { createColors } from 'picocolors';

/** Ways to colour text; each gives the text itself when colours are off. */
export type Colours = ReturnType<typeof createColors>;

/** A bar on standard error, for work that takes over a second; where that is no terminal, a line every half minute. */
export interface Progress {
  /** Moves the bar to the amount that is done, in the unit of the total. @param note - Shown behind it, e.g. a speed. */
  update(done: number, note?: string): void;
  /** Removes the bar. Stopping twice does nothing. */
  stop(): void;
}

/** Streams and environment of the process, passed in so that nothing else reads globals. */
export interface CliStreams {
  /** Standard input: documents come from here when the command names none. */
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Standard output: gets the results, and nothing else. */
  readonly stdout: Writable & { readonly isTTY?: boolean };
  /** Standard error: gets progress, notes and errors. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
}

/** What a command works with. A command throws; the program turns errors into one line and an exit code. */
export interface CliContext extends CliStreams {
  /** Colours for standard output; off when it is piped, with `NO_COLOR` or `--no-color`. */
  readonly colours: Colours;
  /** Aborted by Ctrl-C; pass it to everything that waits. */
  readonly signal: AbortSignal;
  /**
   * Lets work end by itself after Ctrl-C, however long that takes, until the hold is released. A second Ctrl-C ends the
   * program all the same.
   *
   * @returns Releases the hold.
   */
  hold(): () => void;
  /** Prints text and a line end on standard output. */
  print(text: string): void;
  /** Prints one JSON document on standard output. */
  printJson(value: unknown): void;
  /** Prints a note for people on standard error. */
  note(text: string): void;
  /** Starts a bar. @param label - The work, e.g. `encoding`. @param total - The amount of work. */
  progress(label: string, total: number): Progress;
}

/** Makes one command, e.g. `rerankCommand`. */
export type MakeCommand = (context: CliContext) => Command;

/** Least duration of work that shows a bar, in milliseconds. */
const progressDelayMs = 1000;

/** Time between two lines of progress where no bar is drawn, in milliseconds. */
const progressLineMs = 30_000;

/** Opens the context of one run of the program. */
export function cliContext(
  streams: CliStreams,
  signal: AbortSignal,
  hold: CliContext['hold'] = () => () => {},
): CliContext {
  const write = (stream: Writable, text: string): void => {
    stream.write(`${text}\n`);
  };
  return {
    ...streams,
    signal,
    hold,
    colours: createColors(areColoursOn(streams)),
    print: (text) => write(streams.stdout, text),
    printJson: (value) => write(streams.stdout, JSON.stringify(value, undefined, 2)),
    note: (text) => write(streams.stderr, text),
    progress: (label, total) => progressBar(streams.stderr, label, total),
  };
}

/** picocolors' own rule turns colours on in a pipe when `CI` is set, so the rule is here. */
function areColoursOn({ env, argv, stdout }: CliStreams): boolean {
  if (env['NO_COLOR'] || argv.includes('--no-color')) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0';
  return stdout.isTTY === true && env['TERM'] !== 'dumb';
}

function progressBar(stderr: CliStreams['stderr'], label: string, total: number): Progress {
  if (stderr.isTTY !== true) return progressLines(stderr, label, total);
  let [done, note] = [0, ''];
  let isStopped = false;
  let bar: SingleBar | undefined;
  const start = async (): Promise<void> => {
    const { SingleBar } = await import('cli-progress');
    if (isStopped) return;
    bar = new SingleBar({
      stream: stderr as NodeJS.WritableStream,
      format: `${label} {bar} {percentage} % | {value}/{total} | ETA {eta_formatted}{note}`,
      clearOnComplete: true,
      hideCursor: true,
    });
    bar.start(total, done, { note });
  };
  const timer = setTimeout(start, progressDelayMs);
  return {
    update(value, text = '') {
      done = value;
      note = text === '' ? '' : ` | ${text}`;
      bar?.update(value, { note });
    },
    stop() {
      clearTimeout(timer);
      isStopped = true;
      bar?.stop();
      bar = undefined;
    },
  };
}

/** Prints progress as lines, for a pipe or a log. The timer does not keep the process alive. */
function progressLines(stderr: Writable, label: string, total: number): Progress {
  let [done, note] = [0, ''];
  let first: { readonly done: number; readonly atMs: number } | undefined;
  const timer = setInterval(() => {
    const share = total > 0 ? ` (${Math.floor((100 * done) / total)} %)` : '';
    stderr.write(`${label}: ${done} of ${total}${share}${first ? etaText(first) : ''}${note}\n`);
  }, progressLineMs).unref();
  const etaText = ({ done: before, atMs }: { readonly done: number; readonly atMs: number }): string => {
    if (done <= before) return '';
    const leftMs = ((total - done) * (Date.now() - atMs)) / (done - before);
    return `, ETA ${Math.ceil(leftMs / 60_000)} min`;
  };
  return {
    update(value, text = '') {
      // Work that goes on from elsewhere begins there, not at 0.
      first ??= { done: value, atMs: Date.now() };
      done = value;
      note = text === '' ? '' : `, ${text}`;
    },
    stop: () => clearInterval(timer),
  };
}
