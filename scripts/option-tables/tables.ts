/** Tables of options, as README and docs show them. Each page marks where its tables begin and end. */
import type { Command } from 'commander';
import { cliContext } from '../../plugin/cli/context.ts';
import { Flag } from '../../plugin/cli/flag.ts';
import { reportCommand as hierarchyReportCommand } from '../../plugin/cli/hierarchy/report-command.ts';
import { trainCommand as hierarchyTrainCommand } from '../../plugin/cli/hierarchy/train-command.ts';
import { installCommand } from '../../plugin/cli/install/install-command.ts';
import { proxyCommand } from '../../plugin/cli/serve/proxy-command.ts';
import { statesCommand } from '../../plugin/cli/states/states-command.ts';
import { indexOptions } from '../../plugin/options/index-options.ts';
import { defaultText, type OptionRow, typeText } from '../../plugin/options/option.ts';
import {
  diversityOptions,
  orderLimitOptions,
  signalOptions,
} from '../../plugin/options/order-step-options.ts';
import {
  listenTlsOptions,
  proxyOptions,
  proxyStageOptions,
  targetTlsOptions,
} from '../../plugin/options/proxy-options.ts';
import { rerankerOptions } from '../../plugin/options/reranker-options.ts';
import { serviceOptions } from '../../plugin/options/service-options.ts';
import { secondSearchOptions, stageCodeOptions, stageOptions } from '../../plugin/options/stage-options.ts';

/** A table: its head, and its rows. */
export type Table = readonly (readonly string[])[];

const context = cliContext(
  { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: {}, argv: [] },
  new AbortController().signal,
);

/** The tables by the names that pages give them. */
export function optionTables(): Readonly<Record<string, Table>> {
  const { fusion: _ofFiles, ...stage } = stageOptions;
  return {
    stage: sectionTable('option', { ...stage, ...stageCodeOptions }),
    'second-search': sectionTable('key of `secondSearch`', secondSearchOptions),
    signals: sectionTable('key of a signal', signalOptions),
    diversify: sectionTable('key of `diversify`', diversityOptions),
    'order-limits': sectionTable('key of `orderLimits`', orderLimitOptions),
    reranker: sectionTable('key of `reranker`', rerankerOptions),
    service: sectionTable('key of `service`', serviceOptions),
    proxy: withFlags(sectionTable('key of `proxy`', proxyOptions), Object.values(proxyOptions)),
    'proxy-others': proxyOthers(),
    states: statesTable(),
    install: flagTable(installCommand(context)),
    'hierarchy-train': flagTable(hierarchyTrainCommand(context)),
    'hierarchy-report': flagTable(hierarchyReportCommand(context)),
  };
}

/** The page with each of its tables as it is to be. @throws Error for a name that is no table's. */
export function withTables(page: string): string {
  const tables = optionTables();
  return page.replaceAll(
    /<!-- options: ([a-z-]+) -->[\s\S]*?<!-- end of options -->/g,
    (_all, name: string) => {
      const table = tables[name];
      if (!table) throw new Error(`A page asks for the options "${name}", which are none.`);
      return `<!-- options: ${name} -->\n\n${aligned(table)}\n\n<!-- end of options -->`;
    },
  );
}

function sectionTable(head: string, table: Readonly<Record<string, OptionRow>>): Table {
  return [
    [head, 'type', 'default', 'unit', 'what it is'],
    ...Object.entries(table).map(([name, row]) => [`\`${name}\``, ...cells(row)]),
  ];
}

function cells(row: OptionRow): readonly string[] {
  const { isRequired, unit = '', help, note } = row;
  return [
    typeText(row),
    isRequired ? 'required' : (defaultText(row) ?? ''),
    unit,
    [help, ...(note === undefined ? [] : [note])].join('; '),
  ];
}

/** Sections whose keys are options of their own on the command line. */
const keysOf: ReadonlyMap<OptionRow, readonly OptionRow[]> = new Map<OptionRow, readonly OptionRow[]>([
  [proxyOptions.targetTls, Object.values(targetTlsOptions)],
  [proxyOptions.listenTls, Object.values(listenTlsOptions)],
]);

/** A second column says what an option of the command line is called. */
function withFlags([head, ...rows]: Table, of: readonly OptionRow[]): Table {
  const flags = flagsOf(proxyCommand(context));
  return [
    [head![0]!, 'option', ...head!.slice(1)],
    ...rows.map(([name, ...rest], i) => [name!, flagNames(flags, of[i]!), ...rest]),
  ];
}

function flagNames(flags: readonly Flag[], row: OptionRow): string {
  const rows = new Set<OptionRow>([row, ...(keysOf.get(row) ?? [])]);
  const named = flags.filter((flag) => rows.has(flag.row));
  return named.map(({ long }) => `\`${long}\``).join(', ');
}

function proxyOthers(): Table {
  const { textFields, maxResultWindow, separator, highlight, signals, states } = indexOptions;
  const { model, precision, queryPrecision, device, tier } = rerankerOptions;
  const { rankWindowSize, onFailure } = stageOptions;
  const rows = {
    'index.textFields': textFields,
    'index.maxResultWindow': maxResultWindow,
    'index.separator': separator,
    'index.highlight': highlight,
    'index.signals': signals,
    'index.states': states,
    'reranker.model': model,
    'reranker.precision': precision,
    'reranker.queryPrecision': queryPrecision,
    'reranker.device': device,
    'reranker.tier': tier,
    'stage.rankWindowSize': rankWindowSize,
    'stage.deadlineMs': proxyStageOptions.deadlineMs,
    'stage.onFailure': onFailure,
  };
  return withFlags(sectionTable('key of another section', rows), Object.values(rows));
}

function statesTable(): Table {
  const commands = statesCommand(context).commands;
  const all = new Map<string, { readonly flag: Flag; readonly of: readonly string[] }>();
  for (const command of commands) {
    for (const flag of ownFlags(command)) {
      const of = [...(all.get(flag.flags)?.of ?? []), `\`${command.name()}\``];
      all.set(flag.flags, { flag, of });
    }
  }
  const rows = [...all.values()].map(({ flag, of }) => [
    `\`${flag.flags}\``,
    of.length === commands.length ? 'all' : of.join(', '),
    ...flagCells(flag),
  ]);
  return [['option', 'of', 'type', 'default', 'unit', 'what it is'], ...rows];
}

function flagTable(command: Command): Table {
  const flags = ownFlags(command);
  return [
    ['option', 'type', 'default', 'unit', 'what it is'],
    ...flags.map((flag) => [`\`${flag.flags}\``, ...flagCells(flag)]),
  ];
}

/** What the terminal shows, less the default, which has a column of its own. */
function flagCells({ row, description, mandatory, defaultValue, argChoices }: Flag): readonly string[] {
  const told = defaultValue ?? /\(default: ([^)]*)\)$/.exec(description)?.[1];
  const [type = '', , unit = ''] = cells(argChoices ? { ...row, of: argChoices } : row);
  const isSwitch = row.type === 'switch';
  const text = description
    .replace(/ \(default: [^)]*\)$/, '')
    .replace(', in seconds', '')
    .replace(', in milliseconds', '');
  const value = isSwitch ? 'off' : String(told ?? '');
  const note = row.note === undefined ? '' : `; ${row.note}`;
  return [isSwitch ? 'switch' : type, mandatory ? 'required' : value, unit, `${text}${note}`];
}

/** All but those that name a server: they are the same everywhere. */
function ownFlags(command: Command): readonly Flag[] {
  return flagsOf(command).filter(({ helpGroupHeading }) => helpGroupHeading !== 'Server:');
}

function flagsOf(command: Command): readonly Flag[] {
  return command.options.filter((option) => option instanceof Flag);
}

function aligned(table: Table): string {
  const escaped = table.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = escaped[0]!.map((_cell, i) => Math.max(...escaped.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const [head, ...rows] = escaped;
  return [line(head!), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
