//! One step of a plan: the job that it becomes, and the servers that it needs.

use std::time::Duration;

use crate::catalog::{Document, Part};
use crate::config::ServerState;
use crate::error::{Error, ErrorKind, Result};
use crate::reshard::crowd::Crowd;
use crate::reshard::how::How;
use crate::reshard::planner::Action;
use crate::reshard::pulse::counts;
use crate::reshard::request::Turn;
use crate::reshard::stored::StoredStep;
use crate::reshard::{Job, JobKind, JobState, Reshard};

/// The time between two looks at a job that another process runs.
const PERIOD: Duration = Duration::from_secs(1);

/// What a step has become.
pub(super) enum Begun {
    Job(Box<Job>),
    Activated(String, String),
    /// The server is active already.
    Nothing,
}

/// The servers that a step needs for itself, by group and name: the one that it leaves comes first.
pub(super) fn servers(action: &Action) -> Vec<(String, String)> {
    let (group, servers): (&String, Vec<&String>) = match action {
        Action::Activate { group, server } => (group, vec![server]),
        Action::Move {
            group, from, to, ..
        } => (group, vec![from, to]),
        Action::Split {
            group, from, parts, ..
        } => {
            let parts = parts.iter().map(|part| &part.server);
            (group, std::iter::once(from).chain(parts).collect())
        }
    };
    let servers = servers.into_iter();
    servers
        .map(|server| (group.clone(), server.clone()))
        .collect()
}

/// The numbers that the parts of a split have to have, if a later step names one of them. Otherwise a split that was
/// begun before and given up, and whose numbers are used, can be begun again.
pub(super) fn numbers(steps: &[StoredStep], at: usize) -> Option<Vec<u32>> {
    let Action::Split { group, parts, .. } = &steps.get(at)?.action else {
        return None;
    };
    let numbers: Vec<u32> = parts.iter().map(|part| part.shard).collect();
    let is_named = steps[at + 1..].iter().any(|step| match &step.action {
        Action::Move {
            group: own, shard, ..
        }
        | Action::Split {
            group: own, shard, ..
        } => own == group && numbers.contains(shard),
        Action::Activate { .. } => false,
    });
    is_named.then_some(numbers)
}

/// Begins a step.
pub(super) async fn begin(
    reshard: &Reshard,
    action: &Action,
    how: &How,
    turn: Turn,
) -> Result<Begun> {
    match action {
        Action::Activate { group, server } => activate(reshard, group, server).await,
        Action::Move {
            group,
            shard,
            from,
            to,
            ..
        } => {
            check_place(reshard, group, *shard, from).await?;
            let moved = reshard.move_shard(group, *shard, to);
            let job = moved.turn(how, turn).start().await?;
            Ok(Begun::Job(Box::new(job)))
        }
        Action::Split {
            group,
            shard,
            from,
            parts,
            ..
        } => {
            check_place(reshard, group, *shard, from).await?;
            let servers = parts.iter().map(|part| part.server.clone());
            let split = reshard.split_shard(group, *shard, servers);
            let job = split.turn(how, turn).start().await?;
            Ok(Begun::Job(Box::new(job)))
        }
    }
}

/// Makes an inactive server active. One that was drained meanwhile stays so.
async fn activate(reshard: &Reshard, group: &str, server: &str) -> Result<Begun> {
    let (revision, _) = reshard.cluster.newest_topology().await?;
    let document: Document = revision.document.parse()?;
    let mut entries = document.servers().into_iter();
    let own = entries.find(|entry| entry.group == group && entry.name == server);
    if own.is_none_or(|own| own.state != ServerState::Inactive.to_string()) {
        return Ok(Begun::Nothing);
    }
    let catalog = reshard.cluster.catalog()?.operator(&reshard.operator);
    let comment = format!("server {server} of group {group}: active, by a plan");
    let activate = |document: &mut Document| document.set_state(group, server, ServerState::Active);
    catalog.edit(comment, activate).await?;
    Ok(Begun::Activated(group.to_owned(), server.to_owned()))
}

/// Whether a logical shard is where a plan has it.
async fn check_place(reshard: &Reshard, group: &str, shard: u32, server: &str) -> Result<()> {
    let (revision, topology) = reshard.cluster.newest_topology().await?;
    let described = topology.group(group);
    let place = described.and_then(|own| own.servers().get(own.placement(shard)?.server()));
    match place {
        Some(place) if &**place.name() == server => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "logical shard {shard} of group `{group}` is not on server `{server}` in epoch {}; plan again",
                revision.epoch
            ),
        )),
    }
}

/// The first server of a step on which more statements run than `most`, and how many.
pub(super) async fn crowded(
    reshard: &Reshard,
    action: &Action,
    most: u64,
) -> Result<Option<(String, String, u64)>> {
    let shard = match action {
        Action::Activate { .. } => return Ok(None),
        Action::Move { shard, .. } | Action::Split { shard, .. } => *shard,
    };
    let (revision, topology) = reshard.cluster.newest_topology().await?;
    let mut servers = servers(action);
    servers.sort();
    servers.dedup();
    for (group, server) in servers {
        // The namespace that the step would make there need not exist: statements are those of the server.
        let placement = topology.group(&group).and_then(|own| own.placement(shard));
        let generation = placement.map_or(1, |own| own.namespace().generation());
        let parts = [Part::new(shard, &server, generation)];
        let part = (parts.as_slice(), [].as_slice(), 0);
        let handle = reshard
            .cluster
            .handle_of_part(&revision.document, &group, part)?;
        let mut crowd = Crowd::above(most);
        let mut numbers = counts(&handle).await?;
        for number in &numbers {
            crowd.add(*number);
        }
        if crowd.look() {
            numbers.sort_unstable();
            let usual = numbers.get(numbers.len() / 2).copied().unwrap_or_default();
            return Ok(Some((group, server, usual)));
        }
    }
    Ok(None)
}

/// Runs the job of a step until its old rows are removed.
pub(super) async fn complete(reshard: Reshard, id: u64) -> Result<Job> {
    loop {
        let job = match reshard.run(id).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let job = reshard.job(id).await?;
                let is_run = job.owner.is_some() && !job.lease.is_zero();
                if !is_run && !job.state.is_over() {
                    return Err(error);
                }
                job
            }
            ran => ran?,
        };
        match job.state {
            JobState::Finished => return Ok(job),
            JobState::Holding if job.owner.is_none() && job.kind != JobKind::Duplicate => {
                reshard.finish(id).await?;
            }
            // Another process runs it.
            state if job.owner.is_some() && !state.is_over() => tokio::time::sleep(PERIOD).await,
            state => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{job} is `{state}`, and `{}` was asked of it; see `shard-orm job show {id}`",
                        job.wish
                    ),
                ));
            }
        }
    }
}
