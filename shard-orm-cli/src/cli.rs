//! The arguments of the command.

use std::path::PathBuf;

use clap::{ColorChoice, Parser, Subcommand};

use crate::commands::{
    catalog, check, completions, dashboard, database, events, generate, id, init, job, man,
    migrate, plan, process, reshard, route, server, setup, sql, stats, status, sync, topology,
    user,
};
use crate::exit;

/// Operates a cluster of shard-orm: a group of logical shards on servers of PostgreSQL, MySQL or
/// MariaDB, or in files of SQLite.
#[derive(Debug, Parser)]
#[command(name = "shard-orm", version, after_help = exit::HELP, max_term_width = 100)]
#[command(propagate_version = false, disable_help_subcommand = true)]
pub struct Cli {
    /// Options of all commands.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of all commands.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The configuration of the cluster.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SHARD_ORM_CONFIG",
        hide_env_values = true,
        default_value = "shard-orm.toml"
    )]
    pub config: PathBuf,
    /// Print JSON instead of tables, also for errors.
    #[arg(long, global = true)]
    pub json: bool,
    /// Whether to use colours. NO_COLOR switches them off too.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)] // The help of a command is the description of its arguments.
pub enum Command {
    Init(init::Args),
    Check(check::Args),
    Status(status::Args),
    Route(route::Args),
    Id(id::Args),
    Sql(sql::Args),
    Setup(setup::Args),
    Migrate(migrate::Args),
    Generate(generate::Args),
    Sync(sync::Args),
    Catalog(catalog::Args),
    Server(server::Args),
    Database(database::Args),
    Topology(topology::Args),
    Reshard(reshard::Args),
    Job(job::Args),
    Plan(plan::Args),
    Process(process::Args),
    Events(events::Args),
    Stats(stats::Args),
    Dashboard(dashboard::Args),
    User(user::Args),
    Completions(completions::Args),
    Man(man::Args),
}
