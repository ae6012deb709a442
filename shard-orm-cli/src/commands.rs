//! One file for each command.

mod before_switch;
pub mod catalog;
pub mod check;
pub mod completions;
pub mod dashboard;
pub mod database;
pub mod events;
pub mod generate;
pub mod id;
pub mod init;
pub mod job;
pub mod man;
pub mod migrate;
pub mod plan;
pub mod process;
pub mod rebalance;
pub mod reshard;
pub mod route;
pub mod server;
pub mod setup;
pub mod sql;
pub mod stats;
pub mod status;
pub mod sync;
pub mod topology;
mod types;
pub mod user;

use crate::Result;
use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::session::Session;

/// Runs the command that the arguments name.
///
/// # Errors
/// Whatever keeps it from a result; a result that is not good is an exit code.
pub async fn run(cli: Cli, output: &Output) -> Result<Exit> {
    let session = Session::new(cli.global, output);
    let outcome = match cli.command {
        // It ends what it has begun.
        Command::Sql(args) => sql::run(&args, &session).await,
        // They leave a job where another process can go on.
        Command::Reshard(args) => reshard::run(&args, &session).await,
        Command::Job(args) => job::run(&args, &session).await,
        Command::Plan(args) => plan::run(&args, &session).await,
        // It finishes its responses.
        Command::Dashboard(args) => dashboard::run(&args, &session).await,
        // It releases its locks.
        Command::Sync(args) if args.writes() => sync::run(&args, &session).await,
        Command::Server(args) if args.moves_shards() => server::run(&args, &session).await,
        command => tokio::select! {
            outcome = dispatch(command, &session) => outcome,
            signal = interrupted() => {
                signal?;
                Err(Failure::Interrupted)
            }
        },
    };
    session.close().await;
    outcome
}

async fn dispatch(command: Command, session: &Session<'_>) -> Result<Exit> {
    match command {
        Command::Init(args) => init::run(&args, session),
        Command::Check(args) => check::run(&args, session).await,
        Command::Status(args) => status::run(&args, session).await,
        Command::Route(args) => route::run(&args, session).await,
        Command::Id(args) => id::run(&args, session).await,
        Command::Sql(args) => sql::run(&args, session).await,
        Command::Setup(args) => setup::run(&args, session).await,
        Command::Migrate(args) => migrate::run(&args, session).await,
        Command::Generate(args) => generate::run(&args, session).await,
        Command::Sync(args) => sync::run(&args, session).await,
        Command::Catalog(args) => catalog::run(&args, session).await,
        Command::Server(args) => server::run(&args, session).await,
        Command::Database(args) => database::run(&args, session).await,
        Command::Topology(args) => topology::run(&args, session).await,
        Command::Reshard(args) => reshard::run(&args, session).await,
        Command::Job(args) => job::run(&args, session).await,
        Command::Plan(args) => plan::run(&args, session).await,
        Command::Process(args) => process::run(&args, session).await,
        Command::Events(args) => events::run(&args, session).await,
        Command::Stats(args) => stats::run(&args, session).await,
        Command::Dashboard(args) => dashboard::run(&args, session).await,
        Command::User(args) => user::run(&args, session).await,
        Command::Completions(args) => completions::run(&args, session),
        Command::Man(args) => man::run(&args, session),
    }
}
