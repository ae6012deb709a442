//! What stands against a move, before it begins.

use std::fmt;

use super::blueprint::{Blueprint, read_structure};
use super::failure::{is_locked, may_pass};
use super::place::{Place, quoted};
use super::space::{bytes_of, shortage};
use crate::backend::structure::Structure;
use crate::backend::{
    Field as _, Hindrance, Row, arguments_of_sizes, durability, exact_size, hindrances,
    sizes_of_namespaces,
};
use crate::catalog::{Document, Job, JobKind, Part, Store};
use crate::cluster::Cluster;
use crate::config::ServerState;
use crate::connect::State;
use crate::error::{Error, ErrorKind, Result};

/// Something that stands against a move.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Obstacle {
    /// What it is about, such as `` table `orders` ``.
    pub about: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A move that was examined.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Planned {
    /// What it is.
    pub kind: JobKind,
    /// The group of the logical shard.
    pub group: String,
    /// Where the logical shard is.
    pub source: Part,
    /// Where it goes.
    pub target: Part,
    /// Its tables.
    pub tables: Vec<String>,
    /// The number of its rows: an estimate of the server, and exact on SQLite.
    pub rows: u64,
    /// Its size in bytes: an estimate of the server, and that of the file on SQLite.
    pub bytes: Option<u64>,
    /// What stands against it; empty if it can begin.
    pub obstacles: Vec<Obstacle>,
}

impl Planned {
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) with all obstacles.
    pub(super) fn check(&self) -> Result<()> {
        if self.obstacles.is_empty() {
            return Ok(());
        }
        let obstacles = self.obstacles.iter().map(ToString::to_string);
        Err(Error::unsupported(format!(
            "logical shard {} of group `{}` cannot go to server `{}`:\n- {}",
            self.source.shard,
            self.group,
            self.target.server,
            obstacles.collect::<Vec<_>>().join("\n- ")
        )))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.about, self.message)
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            group,
            source,
            target,
            tables,
            rows,
            obstacles,
            ..
        } = self;
        writeln!(
            f,
            "{kind} of logical shard {} of group `{group}` from server `{}` to `{}`: about {rows} rows of {} tables",
            source.shard,
            source.server,
            target.server,
            tables.len()
        )?;
        for obstacle in obstacles {
            writeln!(f, "- {obstacle}")?;
        }
        Ok(())
    }
}

/// Looks at both ends.
pub(super) async fn examine(
    cluster: &Cluster,
    (kind, group, shard, server): (JobKind, &str, u32, &str),
    accepts_relaxed_durability: bool,
) -> Result<Planned> {
    let (revision, topology) = cluster.newest_topology().await?;
    let described = topology
        .group(group)
        .ok_or_else(|| Error::configuration(format!("unknown group `{group}`")))?;
    let placement = described.placement(shard).ok_or_else(|| {
        Error::configuration(format!(
            "group `{group}` has no logical shard {shard} in use; it has {}",
            described.logical_shards()
        ))
    })?;
    let own = described
        .servers()
        .get(placement.server())
        .ok_or_else(|| Error::configuration("a placement without a server"))?;
    if &**own.name() == server && kind == JobKind::Move {
        return Err(Error::configuration(format!(
            "logical shard {shard} of group `{group}` is on server `{server}` already"
        )));
    }
    let catalog = cluster.catalog_handle()?;
    let jobs = Store::new(&catalog).jobs().await?;
    let ends = [&**own.name(), server];
    let stands_in_the_way = |job: &&Job| {
        let mut parts = job.sources.iter().chain(&job.targets);
        let is_open = job.group == group && !job.state.is_over();
        is_open && parts.any(|part| part.shard == shard || ends.contains(&&*part.server))
    };
    if let Some(job) = jobs.iter().find(stands_in_the_way) {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{job} is open (`{}`), and a logical shard or server takes part in one job at a time: finish, \
                 reverse or abort it first",
                job.state
            ),
        ));
    }
    let generation = placement.namespace().generation();
    let source = Part::new(shard, own.name(), generation);
    let target = Part::next(shard, server, generation, &jobs, group);
    let mut planned = Planned {
        kind,
        group: group.to_owned(),
        source,
        target,
        tables: Vec::new(),
        rows: 0,
        bytes: None,
        obstacles: Vec::new(),
    };
    let mut against = |about: &str, message: &str| {
        planned.obstacles.push(Obstacle {
            about: about.to_owned(),
            message: message.to_owned(),
        });
    };
    let there = cluster.handle_of_part(&revision.document, group, &planned.source)?;
    let here = cluster.handle_of_part(&revision.document, group, &planned.target)?;
    let about_target = format!("server `{server}`");
    if there.dialect() != here.dialect() {
        against(
            &about_target,
            "has another kind of database; rows are moved between equal ones",
        );
        return Ok(planned);
    }
    let document: Document = revision.document.parse()?;
    let entries = document.servers();
    let entry = entries
        .iter()
        .find(|entry| entry.group == group && entry.name == server);
    if entry.is_some_and(|entry| entry.state == ServerState::Draining.to_string()) {
        against(&about_target, "is draining; activate it first");
    }
    let mut place = Place::visit(&there).await?;
    if here.has_file() && !here.dialect().capability().file_per_namespace {
        let mut other = Place::visit(&here).await?;
        if other.standing(None).await?.is_some() {
            let name = here.namespace.name();
            against(
                &about_target,
                &format!("has a namespace `{name}` already; remove it"),
            );
        }
        other.close().await;
    }
    if place
        .standing(None)
        .await?
        .is_none_or(|found| found.state != State::Active)
    {
        against(
            "the source",
            "does not serve the logical shard by its record; see `shard-orm check`",
        );
        return Ok(planned);
    }
    if let Some((source, target)) = hindrances(place.dialect()) {
        let mut found = hindrances_of(&mut place, source).await?;
        let mut other = Place::visit(&here).await?;
        found.extend(hindrances_of(&mut other, target).await?);
        other.close().await;
        for (about, message) in found {
            against(&about, message);
        }
    }
    let question = durability(place.dialect());
    if let Some(question) = question.filter(|_| !accepts_relaxed_durability) {
        let mut is_durable = true;
        let on_row = &mut |row: &Row<'_>| {
            is_durable = i64::read(row, 0)? != 0;
            Ok(())
        };
        place.ask_text(question, &[], on_row).await?;
        if !is_durable {
            against(
                "the source",
                "acknowledges commits before they are durable (`innodb_flush_log_at_trx_commit` is not 1): \
                 after a crash the target could have rows that it lost; set it to 1 for the move, or accept it",
            );
        }
    }
    let structure = read_structure(&mut place, here.namespace.name()).await?;
    let (rows, bytes) = size(&mut place, &structure.tables).await?;
    let bytes = match bytes {
        Some(bytes) => bytes,
        None => bytes_of(&there).await?,
    };
    (planned.rows, planned.bytes) = (rows, Some(bytes));
    if let Some(message) = shortage(cluster, &entries, (group, server), bytes).await? {
        against(&about_target, &message);
    }
    let refused = match structure.objections.is_empty() && kind == JobKind::Move {
        true => rehearse(&mut place, &structure).await?,
        false => None,
    };
    place.close().await;
    if let Some(message) = refused {
        against(
            "the source",
            &format!(
                "cannot be closed at the switch, as a rehearsal has shown: {message}; remove what forbids it"
            ),
        );
    }
    for objection in &structure.objections {
        against(
            &objection.object,
            &format!("{}; {}", objection.reason, objection.advice),
        );
    }
    planned.tables = structure.tables;
    Ok(planned)
}

/// Closes the namespace in a transaction that is rolled back, and returns what was said against it. A table that is
/// locked meanwhile tells nothing.
async fn rehearse(place: &mut Place, structure: &Structure) -> Result<Option<String>> {
    if !place.dialect().capability().transactional_ddl {
        return Ok(None);
    }
    let blueprint = Blueprint::of(structure, &str::to_owned);
    let fence = blueprint.fence(place);
    place.begin().await?;
    let closed = async {
        place.all(&fence.prepare()).await?;
        place.all(&fence.close(0)).await
    };
    let closed = closed.await;
    place.rollback().await;
    match closed {
        Ok(()) => Ok(None),
        Err(error) if is_locked(&error) => Ok(None),
        Err(error) if may_pass(&error) => Err(error),
        Err(error) => Ok(Some(error.message().to_owned())),
    }
}

/// What stands against a move at one end, by a question of `backend`.
async fn hindrances_of(place: &mut Place, question: &str) -> Result<Vec<(String, &'static str)>> {
    let server = place.handle.server.clone();
    let mut found = Vec::new();
    let on_row = &mut |row: &Row<'_>| {
        let (name, about) = (String::read(row, 0)?, String::read(row, 1)?);
        if let Some(hindrance) = Hindrance::of(&name) {
            found.push((
                format!("`{about}` on server `{server}`"),
                hindrance.message(),
            ));
        }
        Ok(())
    };
    place.ask_text(question, &[], on_row).await?;
    Ok(found)
}

/// The number of rows and bytes of a namespace: estimates, but for the rows of a file.
async fn size(place: &mut Place, tables: &[String]) -> Result<(u64, Option<u64>)> {
    let (dialect, name) = (place.dialect(), place.handle.namespace.name().to_string());
    let (mut rows, mut bytes) = (0, None);
    match sizes_of_namespaces(dialect) {
        Some(question) => {
            let names = vec![name.into(); arguments_of_sizes(dialect)];
            let on_row = &mut |row: &Row<'_>| {
                rows = i64::read(row, 3)?.unsigned_abs();
                bytes = Option::<i64>::read(row, 4)?.map(i64::unsigned_abs);
                Ok(())
            };
            place.ask_text(question, &names, on_row).await?;
        }
        None => {
            let tables: Vec<String> = tables.iter().map(|table| quoted(dialect, table)).collect();
            let on_row = &mut |row: &Row<'_>| {
                rows = i64::read(row, 0)?.unsigned_abs();
                Ok(())
            };
            place
                .ask_text(&exact_size(dialect, &name, &tables), &[], on_row)
                .await?;
        }
    }
    Ok((rows, bytes))
}
