//! What stands against a move, before it begins.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::blueprint::{Blueprint, includes, read_structure};
use super::failure::{is_locked, may_pass};
use super::place::{Place, quoted};
use super::request::Request;
use super::rows::MovedTable;
use crate::backend::structure::Structure;
use crate::backend::{
    Field as _, Hindrance, Row, arguments_of_sizes, durability, exact_size, hindrances,
    sizes_of_namespaces,
};
use crate::catalog::{Document, Job, JobKind, Part, Store};
use crate::config::ServerState;
use crate::connect::{NamespaceHandle, State};
use crate::error::{Error, ErrorKind, Result, names};
use crate::route::OwnedKeys;

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
    /// Where it goes: several places, if it is split.
    pub targets: Vec<Part>,
    /// Its tables.
    pub tables: Vec<String>,
    /// The columns of each table by which rows are divided among several targets: region, if there is one, and shard
    /// key; none where all rows stay with the number of the logical shard.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The number of its rows: an estimate of the server, and exact on SQLite.
    pub rows: u64,
    /// Its size in bytes by the server's estimate; `None` on SQLite.
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
            "logical shard {} of group `{}` cannot go to {}:\n- {}",
            self.source.shard,
            self.group,
            servers(&self.targets),
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
            targets,
            tables,
            rows,
            obstacles,
            ..
        } = self;
        writeln!(
            f,
            "{kind} of logical shard {} of group `{group}` from server `{}` to {}: about {rows} rows of {} tables",
            source.shard,
            source.server,
            servers(targets),
            tables.len()
        )?;
        for target in targets.iter().filter(|target| target.keys != OwnedKeys::Fixed) {
            writeln!(f, "- {target}: {}", target.keys)?;
        }
        for obstacle in obstacles {
            writeln!(f, "- {obstacle}")?;
        }
        Ok(())
    }
}

/// The servers of some parts.
fn servers(parts: &[Part]) -> String {
    let mut servers: Vec<&str> = parts.iter().map(|part| part.server.as_str()).collect();
    servers.dedup();
    let what = if servers.len() == 1 { "server" } else { "servers" };
    format!("{what} {}", names(servers.into_iter()))
}

/// Looks at both ends.
pub(super) async fn examine(request: &Request) -> Result<Planned> {
    let (cluster, kind, group, shard) = (
        &request.reshard.cluster,
        request.kind,
        &*request.group,
        request.shard,
    );
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
    if kind == JobKind::Move && request.servers.iter().any(|server| **own.name() == **server) {
        return Err(Error::configuration(format!(
            "logical shard {shard} of group `{group}` is on server `{}` already",
            own.name()
        )));
    }
    if kind.divides() && request.servers.len() < 2 {
        return Err(Error::configuration(
            "a logical shard is split into two or more; name the server of each",
        ));
    }
    let catalog = cluster.catalog_handle()?;
    let jobs = Store::new(&catalog).jobs().await?;
    let stands_in_the_way = |job: &&Job| {
        let mut parts = job.sources.iter().chain(&job.targets);
        let is_end =
            |part: &Part| *part.server == **own.name() || request.servers.contains(&part.server);
        let is_open = job.group == group && !job.state.is_over();
        is_open && parts.any(|part| part.shard == shard || is_end(part))
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
    let mut planned = Planned {
        kind,
        group: group.to_owned(),
        source: Part::new(shard, own.name(), generation),
        targets: Vec::new(),
        tables: Vec::new(),
        keys: BTreeMap::new(),
        rows: 0,
        bytes: None,
        obstacles: Vec::new(),
    };
    let source = std::slice::from_ref(&planned.source).to_vec();
    let there = cluster.handle_of_part(&revision.document, group, (&source, &[], 0))?;
    let mut place = Place::visit(&there).await?;
    let serves = place.standing(None).await?;
    if serves.is_none_or(|found| found.state != State::Active) {
        let servers = request.servers.iter();
        let target = |server: &String| Part::next(shard, server, generation, &jobs, group);
        planned.targets = servers.map(target).collect();
        planned.against(
            "the source",
            "does not serve the logical shard by its record; see `shard-orm check`",
        );
        return Ok(planned);
    }
    planned.targets = match kind {
        JobKind::Split => {
            let keys = placement.namespace().keys();
            let known = Store::new(&catalog).keys_of_group(group).await?;
            let divided = planned.divide(request, keys, &mut place, &known).await?;
            planned.source.keys = keys.clone();
            let used = jobs.iter().filter(|job| job.group == group);
            let used = used.flat_map(|job| job.sources.iter().chain(&job.targets));
            let used = used.map(|part| part.shard + 1).max().unwrap_or_default();
            let mut next = used.max(described.logical_shards());
            let mut targets = Vec::new();
            for (number, (keys, server)) in divided.into_iter().zip(&request.servers).enumerate() {
                let part = match number {
                    0 => Part::next(shard, server, generation, &jobs, group),
                    _ => Part::next(next, server, 0, &jobs, group),
                };
                next += u32::from(number > 0);
                targets.push(part.with_keys(keys));
            }
            targets
        }
        JobKind::Move | JobKind::Duplicate => {
            let servers = request.servers.iter();
            let target = |server: &String| Part::next(shard, server, generation, &jobs, group);
            servers.map(target).collect()
        }
    };
    let source = std::slice::from_ref(&planned.source).to_vec();
    let mut here = Vec::new();
    for at in 0..planned.targets.len() {
        let part = (planned.targets.as_slice(), source.as_slice(), at);
        here.push(cluster.handle_of_part(&revision.document, group, part)?);
    }
    if let Some(other) = here.iter().find(|here| here.dialect() != there.dialect()) {
        planned.against(
            &format!("server `{}`", other.server),
            "has another kind of database; rows are moved between equal ones",
        );
        return Ok(planned);
    }
    let document: Document = revision.document.parse()?;
    planned.examine_targets(&document, &here).await?;
    if let Some((question, _)) = hindrances(place.dialect()) {
        planned.add(hindrances_of(&mut place, question).await?);
    }
    let question = durability(place.dialect());
    if let Some(question) = question.filter(|_| !request.accepts_relaxed_durability) {
        let mut is_durable = true;
        let on_row = &mut |row: &Row<'_>| {
            is_durable = i64::read(row, 0)? != 0;
            Ok(())
        };
        place.ask_text(question, &[], on_row).await?;
        if !is_durable {
            planned.against(
                "the source",
                "acknowledges commits before they are durable (`innodb_flush_log_at_trx_commit` is not 1): \
                 after a crash the target could have rows that it lost; set it to 1 for the move, or accept it",
            );
        }
    }
    let name = here.first().map_or_else(String::new, |here| here.namespace.name().to_string());
    let structure = read_structure(&mut place, &name).await?;
    (planned.rows, planned.bytes) = size(&mut place, &structure.tables).await?;
    let refused = match structure.objections.is_empty() && kind.switches() {
        true => rehearse(&mut place, &structure).await?,
        false => None,
    };
    place.close().await;
    if let Some(message) = refused {
        planned.against(
            "the source",
            &format!(
                "cannot be closed at the switch, as a rehearsal has shown: {message}; remove what forbids it"
            ),
        );
    }
    for objection in &structure.objections {
        planned.against(
            &objection.object,
            &format!("{}; {}", objection.reason, objection.advice),
        );
    }
    planned.tables = structure.tables;
    Ok(planned)
}

impl Planned {
    fn against(&mut self, about: &str, message: &str) {
        self.obstacles.push(Obstacle {
            about: about.to_owned(),
            message: message.to_owned(),
        });
    }

    fn add(&mut self, found: Vec<(String, &'static str)>) {
        for (about, message) in found {
            self.against(&about, message);
        }
    }

    /// Looks at the servers of the targets.
    async fn examine_targets(
        &mut self,
        document: &Document,
        targets: &[Arc<NamespaceHandle>],
    ) -> Result<()> {
        let entries = document.servers();
        for target in targets {
            let server = &*target.server;
            let about = format!("server `{server}`");
            let entry = entries
                .iter()
                .find(|entry| entry.group == self.group && entry.name == server);
            if entry.is_some_and(|entry| entry.state == ServerState::Draining.to_string()) {
                self.against(&about, "is draining; activate it first");
            }
            if !target.has_file() || target.dialect().capability().file_per_namespace {
                continue;
            }
            let mut place = Place::visit(target).await?;
            if place.standing(None).await?.is_some() {
                let name = target.namespace.name();
                self.against(&about, &format!("has a namespace `{name}` already; remove it"));
            }
            if let Some((_, question)) = hindrances(place.dialect()) {
                self.add(hindrances_of(&mut place, question).await?);
            }
            place.close().await;
        }
        Ok(())
    }

    /// The keys of each part, and the columns by which rows are divided.
    async fn divide(
        &mut self,
        request: &Request,
        keys: &OwnedKeys,
        place: &mut Place,
        known: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<OwnedKeys>> {
        let mut defs = place.tables().await?;
        defs.retain(|def| includes(&def.name));
        let names: Vec<String> = defs.iter().map(|def| def.name.clone()).collect();
        let columns = &request.columns;
        self.keys = columns.resolve(&names, &defs, known, &mut self.obstacles);
        let tables = defs.iter().enumerate().map(|(number, def)| {
            let table = MovedTable::new(number, def);
            let key = self.keys.get(&def.name).and_then(|columns| columns.last());
            let ordinal = key.and_then(|key| {
                let mut columns = table.def.columns.iter();
                columns.position(|own| own.name.eq_ignore_ascii_case(key))
            });
            (table, ordinal)
        });
        let tables: Vec<_> = tables.collect();
        let divided = request.division.divide(keys, request.servers.len(), place, &tables);
        let divided = divided.await?;
        if divided.len() != request.servers.len() {
            return Err(Error::configuration(format!(
                "{} parts are given, and {} servers; name the server of each part",
                divided.len(),
                request.servers.len()
            )));
        }
        Ok(divided)
    }
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
