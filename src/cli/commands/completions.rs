//! `ablade completions SHELL` and `ablade man`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Cli, Exit, Terminal};

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade completions bash > ~/.local/share/bash-completion/completions/ablade
  ablade completions fish > ~/.config/fish/completions/ablade.fish";

/// Examples below the options of `--help`.
pub(crate) const MAN_EXAMPLES: &str = "\
Examples:
  ablade man > ablade.1
  ablade man | man -l -   read it at once";

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell that reads the completions
    shell: Shell,
}

pub(crate) fn completions(args: &CompletionsArgs, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ablade", &mut text);
    terminal.out.write_all(&text)?;
    Ok(Exit::Success)
}

pub(crate) fn man(terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut terminal.out)?;
    for subcommand in command.get_subcommands() {
        clap_mangen::Man::new(subcommand.clone()).render(&mut terminal.out)?;
    }
    Ok(Exit::Success)
}
