//! `man`: the manual pages.

use std::fs;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::Result;
use crate::cli::Cli;
use crate::exit::{Exit, Failure};
use crate::session::Session;

/// Print the manual page of shard-orm, or write those of all commands to a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm man | man -l -
    shard-orm man --dir /usr/local/share/man/man1")]
pub struct Args {
    /// Write the pages of all commands to this folder, over older ones.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let command = Cli::command();
    match &args.dir {
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            session.output.bytes(&page)?;
        }
        Some(folder) => {
            let cannot = |error| {
                Failure::File(
                    format!("cannot write to the folder {}", folder.display()),
                    error,
                )
            };
            fs::create_dir_all(folder).map_err(cannot)?;
            clap_mangen::generate_to(command, folder).map_err(cannot)?;
        }
    }
    Ok(Exit::Done)
}
