//! `completions`: the completions of a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::Result;
use crate::cli::Cli;
use crate::exit::Exit;
use crate::session::Session;

/// Print the completions of a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm completions bash > ~/.local/share/bash-completion/completions/shard-orm
    shard-orm completions zsh > \"${fpath[1]}/_shard-orm\"
    shard-orm completions fish > ~/.config/fish/completions/shard-orm.fish")]
pub struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "shard-orm", &mut script);
    session.output.bytes(&script)?;
    Ok(Exit::Done)
}
