/** Commands that have commands of their own. */
import { Command } from 'commander';

/** A command whose subcommands inherit what it inherits: how to end, and where to write. */
export class CommandGroup extends Command {
  override copyInheritedSettings(source: Command): this {
    super.copyInheritedSettings(source);
    for (const command of this.commands) command.copyInheritedSettings(this);
    return this;
  }
}
