//! `catalog`: the topology in the catalog, and its history.

use std::fs;
use std::path::PathBuf;

use shard_orm::Cluster;
use shard_orm::catalog::{Document, Revision};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output::catalog as print;
use crate::session::Session;

/// Show the topology in the catalog and its history, or repair it.
///
/// The catalog is in the database that `catalog` names in the configuration. Processes that were
/// opened with it follow its topology.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create the tables of the catalog, and store the configuration as its first topology.
    Init,
    /// Print the topology as a configuration file.
    Show(ShowArgs),
    /// List the epochs, the newest first.
    History(HistoryArgs),
    /// Store a configuration file as the next topology, if it moves no logical shard.
    Apply(ApplyArgs),
    /// Compare a file, or an epoch, with the newest topology. The exit code is 3 if they differ.
    Diff(DiffArgs),
    /// Print the topology with its epoch, for `catalog restore`.
    Export(ShowArgs),
    /// Store an exported topology, or a local copy, under its own epoch again.
    Restore(RestoreArgs),
    /// Rebuild an empty catalog from the records of all namespaces on the servers of a file.
    Rebuild(RebuildArgs),
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The epoch; the newest one by default.
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
}

#[derive(Debug, clap::Args)]
struct HistoryArgs {
    /// The number of epochs.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
struct DiffArgs {
    /// A configuration file.
    #[arg(value_name = "FILE", required_unless_present = "epoch")]
    file: Option<PathBuf>,
    /// An epoch instead of a file.
    #[arg(long, value_name = "N", conflicts_with = "file")]
    epoch: Option<u64>,
}

#[derive(Debug, clap::Args)]
struct ApplyArgs {
    /// The configuration file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Why, for the history.
    #[arg(
        short = 'm',
        long,
        value_name = "TEXT",
        default_value = "a file was applied"
    )]
    comment: String,
}

#[derive(Debug, clap::Args)]
struct RestoreArgs {
    /// The file that `catalog export` or a process has written.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct RebuildArgs {
    /// A configuration file with all servers.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The number of the topology: above the epochs that processes use, as their local copies say.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    epoch: u64,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let catalog = cluster.catalog()?;
    match &args.command {
        Command::Init => {
            let document = Document::of_configuration(&read(&session.config)?)?;
            let revision = catalog.initialize(&document.to_string()).await?;
            print::changed(session.output, &revision)?;
        }
        Command::Show(args) => {
            let revision = revision(&cluster, args.epoch).await?;
            print::revision(session.output, &revision)?;
        }
        Command::History(args) => {
            print::history(session.output, &catalog.history(args.limit).await?)?;
        }
        Command::Diff(args) => {
            let newest: Document = revision(&cluster, None).await?.document.parse()?;
            let other = match &args.file {
                Some(file) => Document::of_configuration(&read(file)?)?,
                None => revision(&cluster, args.epoch).await?.document.parse()?,
            };
            let difference = newest.difference(&other);
            print::difference(session.output, &difference)?;
            if !difference.is_empty() {
                return Ok(Exit::Findings);
            }
        }
        Command::Apply(args) => {
            let base = revision(&cluster, None).await?;
            let document = Document::of_configuration(&read(&args.file)?)?;
            let revision = catalog
                .change(&base, &document.to_string(), &*args.comment)
                .await?;
            print::changed(session.output, &revision)?;
        }
        Command::Export(args) => {
            let revision = revision(&cluster, args.epoch).await?;
            session.output.text(&catalog.export(&revision))?;
        }
        Command::Restore(args) => {
            let revision = catalog.restore(&read(&args.file)?).await?;
            print::changed(session.output, &revision)?;
        }
        Command::Rebuild(args) => {
            let revision = catalog.rebuild(&read(&args.file)?, args.epoch).await?;
            print::changed(session.output, &revision)?;
        }
    }
    Ok(Exit::Done)
}

/// The revision of an epoch, or the newest one.
async fn revision(cluster: &Cluster, epoch: Option<u64>) -> Result<Revision> {
    let catalog = cluster.catalog()?;
    let found = match epoch {
        Some(epoch) => catalog.at(epoch).await?,
        None => catalog.current().await?,
    };
    found.ok_or_else(|| {
        Failure::Usage(match epoch {
            Some(epoch) => format!(
                "the catalog has no epoch {epoch}; `shard-orm catalog history` lists those that it has"
            ),
            None => "the catalog holds no topology yet; store the configuration with `shard-orm \
                     catalog init`"
                .to_owned(),
        })
    })
}

fn read(file: &PathBuf) -> Result<String> {
    fs::read_to_string(file)
        .map_err(|error| Failure::File(format!("cannot read {}", file.display()), error))
}
