//! The command `shard-orm`, which operates a cluster.
//!
//! It parses arguments, calls functions of [`shard_orm::admin`] and its neighbours, and prints what
//! they return: as tables for people, or as JSON. Nothing is computed here.
//!
//! ```text
//! cli        the arguments, and which command they name
//! commands   one file for each command: calls the library
//! output     one file for each kind of result: prints it
//! session    the configuration, the cluster, and how results are printed
//! exit       exit codes and errors
//! ```

pub mod cli;
pub mod commands;
pub mod exit;
pub mod output;
pub mod session;

mod interrupt;
mod prompt;

use std::process::ExitCode;

use clap::Parser as _;

use self::cli::Cli;
use self::exit::{Exit, Failure};
use self::output::Output;

/// Parses the arguments of the process, runs the command, and prints its errors.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.global.json, cli.global.color);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli, &output)),
        Err(error) => Err(error.into()),
    };
    let exit = match outcome {
        Ok(exit) => exit,
        // The reader of a pipe has read enough.
        Err(failure) if failure.is_closed_pipe() => Exit::Done,
        Err(failure) => {
            // If the error cannot be printed either, the code has to say it.
            let _ = output.failure(&failure);
            failure.exit()
        }
    };
    exit.into()
}

/// The result of a command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
