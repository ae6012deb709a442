//! `server`: the servers in the catalog.

use shard_orm::admin::Rebalance;
use shard_orm::catalog::{Document, Revision};
use shard_orm::config::ServerState;

use crate::Result;
use crate::commands::rebalance::{self, CarryOutArgs, PlanArgs};
use crate::exit::{Exit, Failure};
use crate::output::{catalog as print_change, server as print};
use crate::session::Session;

/// List and change the servers of the topology in the catalog.
///
/// Each change is one epoch. It moves no rows.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm server add c 'postgres://app:${PASSWORD}@10.0.0.3/shop' --inactive
    shard-orm server set a --weight 2 --add-replica 'postgres://app:${PASSWORD}@10.0.0.9/shop'
    shard-orm server set a --primary 'postgres://app:${NEW_PASSWORD}@10.0.0.1/shop'
    shard-orm server drain a --plan
    shard-orm server drain a --run")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the servers.
    List(GroupArgs),
    /// Add a server without logical shards.
    Add(AddArgs),
    /// Remove a server that has no logical shards.
    Remove(NameArgs),
    /// Use a server, and offer it for logical shards.
    ///
    /// With --run, logical shards move until each server has its share; --plan shows which.
    Activate(MovingArgs),
    /// Keep a server without logical shards, and connect to it no more.
    Deactivate(NameArgs),
    /// Mark a server as leaving: its logical shards are to be moved to others.
    ///
    /// With --run, they move at once; --plan shows where.
    Drain(MovingArgs),
    /// Change a server.
    Set(SetArgs),
}

#[derive(Debug, clap::Args)]
struct GroupArgs {
    /// The group; not needed if the configuration has only one.
    #[arg(short, long)]
    group: Option<String>,
}

#[derive(Debug, clap::Args)]
struct NameArgs {
    #[command(flatten)]
    group: GroupArgs,
    /// The name of the server.
    #[arg(value_name = "NAME")]
    name: String,
}

/// A change after which logical shards may move.
#[derive(Debug, clap::Args)]
struct MovingArgs {
    #[command(flatten)]
    server: NameArgs,
    /// Only print which logical shards would move. Changes nothing.
    #[arg(long, conflicts_with = "run")]
    plan: bool,
    /// Change the state, and move logical shards.
    #[arg(long)]
    run: bool,
    #[command(flatten)]
    planned: PlanArgs,
    #[command(flatten)]
    carry_out: CarryOutArgs,
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    #[command(flatten)]
    server: NameArgs,
    /// The URL of its primary, with ${NAME} for secrets.
    #[arg(value_name = "URL")]
    url: String,
    /// Do not use it yet.
    #[arg(long)]
    inactive: bool,
    /// Its share of the logical shards to aim for.
    #[arg(long, value_name = "N")]
    weight: Option<u32>,
    /// How many bytes of rows it is meant to hold.
    #[arg(long, value_name = "BYTES")]
    capacity: Option<u64>,
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    #[command(flatten)]
    server: NameArgs,
    /// Its share of the logical shards to aim for.
    #[arg(long, value_name = "N")]
    weight: Option<u32>,
    /// How many bytes of rows it is meant to hold; 0 for no limit.
    #[arg(long, value_name = "BYTES")]
    capacity: Option<u64>,
    #[command(flatten)]
    endpoints: EndpointArgs,
}

/// Changes of a server's or a database's endpoints.
#[derive(Debug, clap::Args)]
pub(super) struct EndpointArgs {
    /// The URL of its primary, with ${NAME} for secrets.
    #[arg(long, value_name = "URL")]
    pub(super) primary: Option<String>,
    /// Add a replica. Can be repeated.
    #[arg(long, value_name = "URL")]
    pub(super) add_replica: Vec<String>,
    /// Remove the replica with this URL. Can be repeated.
    #[arg(long, value_name = "URL")]
    pub(super) remove_replica: Vec<String>,
    /// Set an option of its database sessions; an empty value removes it. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    option: Vec<String>,
}

impl EndpointArgs {
    /// The options with their values; `None` for one that is removed.
    pub(super) fn options(&self) -> Result<Vec<(&str, Option<&str>)>> {
        let mut options = Vec::with_capacity(self.option.len());
        for option in &self.option {
            let Some((name, value)) = option.split_once('=') else {
                return Err(Failure::Usage(format!(
                    "`{option}` is not an option; write NAME=VALUE"
                )));
            };
            options.push((name, Some(value).filter(|value| !value.is_empty())));
        }
        Ok(options)
    }
}

impl Args {
    /// Whether it runs jobs, which it has to leave in good order.
    pub(super) fn moves_shards(&self) -> bool {
        matches!(&self.command, Command::Drain(args) | Command::Activate(args) if args.run)
    }
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let changed = match &args.command {
        Command::List(args) => return list(args, session).await,
        Command::Add(args) => add(args, session).await?,
        Command::Remove(args) => {
            let edit =
                |document: &mut Document, group: &str| document.remove_server(group, &args.name);
            edited(session, args, "removed", edit).await?
        }
        Command::Activate(args) => return moving(session, args, ServerState::Active).await,
        Command::Deactivate(args) => state(session, args, ServerState::Inactive).await?,
        Command::Drain(args) => return moving(session, args, ServerState::Draining).await,
        Command::Set(args) => set(args, session).await?,
    };
    print_change::changed(session.output, &changed)?;
    Ok(Exit::Done)
}

async fn list(args: &GroupArgs, session: &Session<'_>) -> Result<Exit> {
    let document = newest(session).await?;
    let mut servers = document.servers();
    if let Some(group) = &args.group {
        servers.retain(|server| server.group == *group);
    }
    print::list(session.output, &servers)?;
    Ok(Exit::Done)
}

/// The newest topology.
pub(super) async fn newest(session: &Session<'_>) -> Result<Document> {
    let cluster = session.open().await?;
    let Some(revision) = cluster.catalog()?.current().await? else {
        return Err(Failure::Usage(
            "the catalog holds no topology yet; store the configuration with `shard-orm catalog init`"
                .to_owned(),
        ));
    };
    Ok(revision.document.parse()?)
}

async fn add(args: &AddArgs, session: &Session<'_>) -> Result<Revision> {
    let state = if args.inactive {
        ServerState::Inactive
    } else {
        ServerState::Active
    };
    let name = &args.server.name;
    let edit = |document: &mut Document, group: &str| {
        document.add_server(group, name, &args.url, state)?;
        if let Some(weight) = args.weight {
            document.set_weight(group, name, weight)?;
        }
        if let Some(capacity) = args.capacity {
            document.set_capacity(group, name, Some(capacity))?;
        }
        Ok(())
    };
    edited(session, &args.server, "added", edit).await
}

async fn state(session: &Session<'_>, args: &NameArgs, state: ServerState) -> Result<Revision> {
    let edit = |document: &mut Document, group: &str| document.set_state(group, &args.name, state);
    edited(session, args, &format!("{state}"), edit).await
}

/// Changes a state, and plans or moves what follows from it.
async fn moving(session: &Session<'_>, args: &MovingArgs, to: ServerState) -> Result<Exit> {
    let name = &args.server;
    if !args.plan && !args.run {
        let changed = state(session, name, to).await?;
        print_change::changed(session.output, &changed)?;
        return Ok(Exit::Done);
    }
    let cluster = session.open().await?;
    let group = session.group(&cluster, name.group.group.as_deref())?;
    let mut planner = args.planned.planner(|| Ok(group.clone()))?;
    if to == ServerState::Draining {
        planner = planner.drain_only();
    }
    let rebalance = Rebalance::new(&cluster)?
        .planner(planner)
        .group(&group)
        .how(args.carry_out.how());
    let rebalance = args.planned.regions(rebalance, || Ok(group.clone()))?;
    if args.plan {
        let rebalance = rebalance.assume(&group, &name.name, to);
        return rebalance::show(session, &rebalance, args.carry_out.pace()).await;
    }
    let changed = state(session, name, to).await?;
    print_change::changed(session.output, &changed)?;
    rebalance::carry_out(session, &rebalance).await
}

async fn set(args: &SetArgs, session: &Session<'_>) -> Result<Revision> {
    let name = &args.server.name;
    let endpoints = &args.endpoints;
    let options = endpoints.options()?;
    let edit = |document: &mut Document, group: &str| {
        if let Some(weight) = args.weight {
            document.set_weight(group, name, weight)?;
        }
        if let Some(capacity) = args.capacity {
            document.set_capacity(group, name, Some(capacity).filter(|bytes| *bytes > 0))?;
        }
        if let Some(primary) = &endpoints.primary {
            document.set_primary(group, name, primary)?;
        }
        for url in &endpoints.remove_replica {
            document.remove_replica(group, name, url)?;
        }
        for url in &endpoints.add_replica {
            document.add_replica(group, name, url, 1)?;
        }
        for (option, value) in &options {
            document.set_option(group, name, option, *value)?;
        }
        Ok(())
    };
    edited(session, &args.server, "changed", edit).await
}

/// Stores the newest topology with an edit.
async fn edited(
    session: &Session<'_>,
    args: &NameArgs,
    what: &str,
    edit: impl FnOnce(&mut Document, &str) -> shard_orm::Result<()>,
) -> Result<Revision> {
    let cluster = session.open().await?;
    let catalog = cluster.catalog()?;
    let group = session.group(&cluster, args.group.group.as_deref())?;
    let comment = format!("server {} of group {group}: {what}", args.name);
    let edit = |document: &mut Document| edit(document, &group);
    Ok(catalog.edit(comment, edit).await?)
}
