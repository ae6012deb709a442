//! `database`: the named databases in the catalog.

use shard_orm::catalog::{Document, Revision};

use super::server::{EndpointArgs, newest};
use crate::Result;
use crate::exit::Exit;
use crate::output::{catalog as print_change, database as print};
use crate::session::Session;

/// List and change the named databases of the topology in the catalog.
///
/// Each change is one epoch.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm database set default --primary 'postgres://app:${NEW_PASSWORD}@10.0.0.1/main'
    shard-orm database set default --add-replica 'postgres://app:${PASSWORD}@10.0.0.2/main'")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the named databases.
    List,
    /// Change a named database.
    Set(SetArgs),
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// The name of the database.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    endpoints: EndpointArgs,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    match &args.command {
        Command::List => {
            print::list(session.output, &newest(session).await?.databases())?;
        }
        Command::Set(args) => {
            print_change::changed(session.output, &set(args, session).await?)?;
        }
    }
    Ok(Exit::Done)
}

async fn set(args: &SetArgs, session: &Session<'_>) -> Result<Revision> {
    let SetArgs { name, endpoints } = args;
    let options = endpoints.options()?;
    let cluster = session.open().await?;
    let edit = |document: &mut Document| {
        if let Some(primary) = &endpoints.primary {
            document.set_database_primary(name, primary)?;
        }
        for url in &endpoints.remove_replica {
            document.remove_database_replica(name, url)?;
        }
        for url in &endpoints.add_replica {
            document.add_database_replica(name, url, 1)?;
        }
        for (option, value) in &options {
            document.set_database_option(name, option, *value)?;
        }
        Ok(())
    };
    let comment = format!("database {name}: changed");
    Ok(cluster.catalog()?.edit(comment, edit).await?)
}
