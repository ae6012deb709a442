//! `sql`: SQL on one logical shard, on all, or once on each server.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgGroup, ValueEnum};
use shard_orm::admin::{
    Key, SqlPlace, SqlReport, SqlRequest, StopSignal, destructive_statements, run_sql,
};
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::{Cluster, Dialect};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::interrupt::interrupted;
use crate::output;
use crate::output::progress::Progress;
use crate::prompt::confirm;
use crate::session::Session;

/// Run SQL on one logical shard, on all, or once on each server.
///
/// On a logical shard, names without a namespace mean its tables. Every place has an outcome: the
/// exit code is 1 if it failed anywhere. Interrupted, it begins nowhere else and waits for the
/// statements that run; interrupted again, it gives them up.
#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("place").required(true).args(["key", "shard", "all", "servers", "database"]),
    after_help = "\
Examples:
    shard-orm sql --group shop --key 42 'SELECT * FROM orders WHERE user_id = 42'
    shard-orm sql --group shop --all 'SELECT count(*) FROM orders'
    shard-orm sql --group shop --all --transaction --file fix.sql
    shard-orm sql --group shop --servers 'CREATE EXTENSION IF NOT EXISTS pg_trgm'"
)]
pub struct Args {
    /// The group; not needed if the configuration has only one.
    #[arg(short, long, conflicts_with = "database")]
    group: Option<String>,
    /// On the logical shard that owns this key.
    #[arg(short, long, allow_negative_numbers = true)]
    key: Option<Key>,
    /// On the logical shard with this number.
    #[arg(short, long, value_name = "N")]
    shard: Option<u32>,
    /// On each logical shard.
    #[arg(short, long)]
    all: bool,
    /// Once on each server, in no namespace.
    #[arg(long)]
    servers: bool,
    /// In this named database.
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// The SQL: one or several statements.
    #[arg(
        value_name = "SQL",
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    sql: Option<String>,
    /// Read the SQL from this file, or from standard input if it is `-`.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// In a transaction: one in each place, and none over all of them.
    #[arg(short, long)]
    transaction: bool,
    /// Where it runs.
    #[arg(long, value_enum, default_value = "primary")]
    role: Role,
    /// Begin nowhere else after an error.
    #[arg(long)]
    fail_fast: bool,
    /// In so many places at the same time.
    #[arg(long, value_name = "N", default_value_t = 8)]
    parallel: usize,
    /// In so many places of one server at the same time.
    #[arg(long, value_name = "N", default_value_t = 2)]
    per_server: usize,
    /// Print the results of each place separately, instead of one table.
    #[arg(long)]
    separate: bool,
    /// Do not ask before statements that remove data run in several places.
    #[arg(short, long)]
    yes: bool,
}

/// The endpoints of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// The one that takes writes.
    Primary,
    /// One that follows it.
    Replica,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let text = match (&args.sql, &args.file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) => read(file)?,
        (None, None) => String::new(),
    };
    let cluster = session.open().await?;
    let (place, count) = place(args, session, &cluster)?;
    if (args.all || args.servers) && !args.yes && !is_allowed(&cluster, &place, count, &text)? {
        return Ok(Exit::Failed);
    }
    let progress = Arc::new(Progress::new(count, "places"));
    let seen = Arc::clone(&progress);
    let stop = StopSignal::default();
    let request = SqlRequest::new(place, AssertSqlSafe(text))
        .transaction(args.transaction)
        .on_replicas(args.role == Role::Replica)
        .stop_at_first_error(args.fail_fast)
        .parallel(args.parallel, args.per_server)
        .stop_on(stop.clone())
        .observe(move |outcome| seen.done(outcome.error.is_some()));
    let report = until_interrupted(run_sql(&cluster, &request), &stop, &progress).await?;
    progress.finish();
    output::sql::print(session.output, &report, args.separate)?;
    Ok(match (report.is_done(), stop.is_stopped()) {
        (true, _) => Exit::Done,
        (false, true) => Exit::Interrupted,
        (false, false) => Exit::Failed,
    })
}

fn read(file: &Path) -> Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    let cannot = |error| Failure::File(format!("cannot read the file {}", file.display()), error);
    fs::read_to_string(file).map_err(cannot)
}

/// Where it runs, and the number of places.
fn place(args: &Args, session: &Session<'_>, cluster: &Cluster) -> Result<(SqlPlace, usize)> {
    if let Some(name) = &args.database {
        let name = name.clone();
        return Ok((SqlPlace::Database { name }, 1));
    }
    let group = session.group(cluster, args.group.as_deref())?;
    let topology = cluster.topology();
    let found = topology.group(&group);
    let shards = found.map_or(0, |found| found.placements().count());
    let servers = found.map_or(0, |found| found.servers().len());
    Ok(match (&args.key, args.shard) {
        (Some(key), _) => {
            let key = key.clone();
            (SqlPlace::Key { group, key }, 1)
        }
        (None, Some(shard)) => (SqlPlace::Shard { group, shard }, 1),
        (None, None) if args.servers => (SqlPlace::EachServer { group }, servers),
        (None, None) => (SqlPlace::EachShard { group }, shards),
    })
}

/// Asks before statements that remove data run in several places.
fn is_allowed(cluster: &Cluster, place: &SqlPlace, count: usize, text: &str) -> Result<bool> {
    let (SqlPlace::EachShard { group } | SqlPlace::EachServer { group }) = place else {
        return Ok(true);
    };
    let topology = cluster.topology();
    let dialect = topology.group(group).map(|group| group.dialect());
    let found = destructive_statements(dialect.unwrap_or(Dialect::Postgres), text);
    if found.is_empty() {
        return Ok(true);
    }
    let what = match place {
        SqlPlace::EachServer { .. } => "servers",
        _ => "logical shards",
    };
    confirm(&format!(
        "This removes data on {count} {what} of group {group}: {}.",
        found.join("; ")
    ))
}

/// Runs a request. At the first signal it begins nothing further, at the second it is given up.
async fn until_interrupted(
    run: impl Future<Output = shard_orm::Result<SqlReport>>,
    stop: &StopSignal,
    progress: &Progress,
) -> Result<SqlReport> {
    let mut run = std::pin::pin!(run);
    loop {
        tokio::select! {
            report = &mut run => return Ok(report?),
            signal = interrupted() => {
                signal?;
                if stop.is_stopped() {
                    return Err(Failure::Interrupted);
                }
                stop.stop();
                progress.say("interrupted: waiting for the statements that run; interrupt again to give them up");
            }
        }
    }
}
