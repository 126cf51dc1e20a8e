/** `blockrank states`: block states in the search server, computed once and found by every request. */
import { Command } from 'commander';
import type { MakeCommand } from './context.ts';
import { buildCommand } from './states-build.ts';
import { dropCommand } from './states-drop.ts';
import { statesStatusCommand } from './states-status.ts';
import { watchCommand } from './states-watch.ts';

/** Makes the command `states`. */
export const statesCommand: MakeCommand = (context) => {
  const command = new CommandGroup('states').description(
    'store block states of documents in Elasticsearch or OpenSearch, keep them fresh, count them, take them away',
  );
  for (const make of [buildCommand, watchCommand, statesStatusCommand, dropCommand]) {
    command.addCommand(make(context));
  }
  return command;
};

/** What a command inherits, its own commands inherit too: how it ends, and where it writes. */
class CommandGroup extends Command {
  override copyInheritedSettings(source: Command): this {
    super.copyInheritedSettings(source);
    for (const command of this.commands) command.copyInheritedSettings(this);
    return this;
  }
}
