//! What stands against a move, before it begins.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::blueprint::{Blueprint, read_structure};
use super::division::Division;
use super::failure::{is_locked, may_pass};
use super::place::{Place, quoted};
use super::planned::Planned;
use super::request::Request;
use super::space::{bytes_of, shortage};
use crate::backend::structure::Structure;
use crate::backend::{
    Field as _, Hindrance, Row, arguments_of_sizes, durability, exact_size, hindrances,
    sizes_of_namespaces,
};
use crate::catalog::{Document, Job, JobKind, Part, Store};
use crate::config::ServerState;
use crate::connect::{NamespaceHandle, State};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::route::OwnedKeys;
use crate::topology::Group;

/// Looks at both ends.
pub(super) async fn examine(request: &Request) -> Result<Planned> {
    let (cluster, kind, group) = (&request.reshard.cluster, request.kind, &*request.group);
    let (revision, topology) = cluster.newest_topology().await?;
    let described = topology
        .group(group)
        .ok_or_else(|| Error::configuration(format!("unknown group `{group}`")))?;
    let catalog = cluster.catalog_handle()?;
    let jobs = Store::new(&catalog).jobs().await?;
    let mut planned = Planned::new(kind, group, request.sources(described)?);
    if let Some(job) = jobs.iter().find(|job| request.meets(job, &planned.sources)) {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{job} is open (`{}`), and a logical shard or server takes part in one job at a time: finish, \
                 reverse or abort it first",
                job.state
            ),
        ));
    }
    let mut sources = Vec::new();
    for at in 0..planned.sources.len() {
        let part = (planned.sources.as_slice(), [].as_slice(), at);
        let handle = cluster.handle_of_part(&revision.document, group, part)?;
        sources.push(Place::visit(&handle).await?);
    }
    for source in &mut sources {
        let found = source.standing(None).await?;
        if found.is_none_or(|found| found.state != State::Active) {
            planned.targets = request.targets(described, &jobs, Vec::new());
            planned.against(
                "the source",
                "does not serve the logical shard by its record; see `shard-orm check`",
            );
            return Ok(planned);
        }
    }
    let known = Store::new(&catalog).keys_of_group(group).await?;
    let keys = planned.regroup(request, &mut sources, &known).await?;
    planned.targets = request.targets(described, &jobs, keys);
    let mut targets = Vec::new();
    for at in 0..planned.targets.len() {
        let part = (planned.targets.as_slice(), planned.sources.as_slice(), at);
        targets.push(cluster.handle_of_part(&revision.document, group, part)?);
    }
    let dialect = sources.first().map(Place::dialect);
    if sources
        .iter()
        .any(|source| Some(source.dialect()) != dialect)
    {
        planned.against(
            "the logical shards",
            "are on different kinds of databases; move them to one kind first",
        );
        return Ok(planned);
    }
    let mut others: Vec<Dialect> = Vec::new();
    for target in &targets {
        if Some(target.dialect()) != dialect && !others.contains(&target.dialect()) {
            others.push(target.dialect());
        }
    }
    let document: Document = revision.document.parse()?;
    planned.examine_targets(&document, &targets).await?;
    let name = targets.first();
    let name = name.map_or_else(String::new, |target| target.namespace.name().to_string());
    let mut first: Option<Structure> = None;
    for source in &mut sources {
        planned.examine_durability(request, source).await?;
        let structure = read_structure(source, &name).await?;
        let (rows, bytes) = size(source, &structure.tables).await?;
        planned.rows += rows;
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => bytes_of(&source.handle).await?,
        };
        planned.bytes = Some(planned.bytes.unwrap_or_default() + bytes);
        let refused = match structure.objections.is_empty() && kind.switches() {
            true => rehearse(source, &structure).await?,
            false => None,
        };
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
        if first.is_none() {
            for other in &others {
                planned
                    .cross(source, &structure, (*other, &request.how.types))
                    .await?;
            }
            let asked = (request, described.router().pins());
            planned.examine_parts(asked, source, &structure).await?;
        }
        match &first {
            None => {
                planned.tables.clone_from(&structure.tables);
                first = Some(structure);
            }
            Some(first)
                if first.create == structure.create && first.indexes == structure.indexes => {}
            Some(_) => planned.against(
                &format!("namespace `{}`", source.handle.namespace.name()),
                "has other tables than the first logical shard; see `shard-orm migrate drift`",
            ),
        }
    }
    for source in sources {
        source.close().await;
    }
    planned.count_leaving();
    let bytes = planned.bytes.unwrap_or_default();
    let servers: BTreeSet<&str> = request.servers.iter().map(String::as_str).collect();
    for server in servers {
        let bytes = match planned.leaving {
            Some(_) => bytes,
            None => request.bytes_at(server, bytes),
        };
        let needed = shortage(cluster, &document.servers(), (group, server), bytes).await?;
        if let Some(message) = needed {
            planned.against(&format!("server `{server}`"), &message);
        }
    }
    Ok(planned)
}

impl Request {
    /// The bytes that a server needs for its parts: of equal shares its own, and otherwise all, since a part may get all
    /// but a few rows.
    fn bytes_at(&self, server: &str, bytes: u64) -> u64 {
        if self.division != Division::Shares || self.servers.is_empty() {
            return bytes;
        }
        let own = self.servers.iter().filter(|own| *own == server).count() as u128;
        let needed = (u128::from(bytes) * own).div_ceil(self.servers.len() as u128);
        u64::try_from(needed).unwrap_or(bytes)
    }

    /// Why the rows cannot be divided, if they cannot.
    pub(super) async fn indivisible(&self) -> Result<Option<String>> {
        let cluster = &self.reshard.cluster;
        let (revision, topology) = cluster.newest_topology().await?;
        let group = topology
            .group(&self.group)
            .ok_or_else(|| Error::configuration(format!("unknown group `{}`", self.group)))?;
        let mut planned = Planned::new(self.kind, &self.group, self.sources(group)?);
        let part = (planned.sources.as_slice(), [].as_slice(), 0);
        let handle = cluster.handle_of_part(&revision.document, &self.group, part)?;
        let mut sources = [Place::visit(&handle).await?];
        let catalog = cluster.catalog_handle()?;
        let known = Store::new(&catalog).keys_of_group(&self.group).await?;
        let divided = planned.regroup(self, &mut sources, &known).await;
        let [place] = sources;
        place.close().await;
        match divided {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                return Ok(Some(error.message().to_owned()));
            }
            divided => divided?,
        };
        let obstacles = planned.obstacles.iter().map(ToString::to_string);
        let obstacles: Vec<String> = obstacles.collect();
        Ok((!obstacles.is_empty()).then(|| obstacles.join("; ")))
    }

    /// The number that the next new logical shard of a group gets: none is used twice.
    pub(super) fn next_number(group: &Group, jobs: &[Job]) -> u32 {
        let jobs = jobs.iter().filter(|job| job.group == group.name());
        let used = jobs.flat_map(|job| job.sources.iter().chain(&job.targets));
        let used = used.map(|part| part.shard + 1).max().unwrap_or_default();
        used.max(group.logical_shards())
    }

    /// The namespaces that it reads.
    fn sources(&self, group: &Group) -> Result<Vec<Part>> {
        let shards = std::iter::once(self.shard).chain(self.merged.iter().copied());
        let mut sources: Vec<Part> = Vec::new();
        for shard in shards {
            let placement = group.placement(shard).ok_or_else(|| {
                Error::configuration(format!(
                    "group `{}` has no logical shard {shard} in use; it has {}",
                    self.group,
                    group.logical_shards()
                ))
            })?;
            let own = group.servers().get(placement.server());
            let own = own.ok_or_else(|| Error::configuration("a placement without a server"))?;
            if self.kind == JobKind::Move && self.servers.iter().any(|to| **to == **own.name()) {
                return Err(Error::configuration(format!(
                    "logical shard {shard} of group `{}` is on server `{}` already",
                    self.group,
                    own.name()
                )));
            }
            if sources.iter().any(|part| part.shard == shard) {
                return Err(Error::configuration(format!(
                    "logical shard {shard} is given twice"
                )));
            }
            let namespace = placement.namespace();
            let part = Part::new(shard, own.name(), namespace.generation());
            sources.push(match self.kind.regroups() {
                true => part.with_keys(namespace.keys().clone()),
                false => part,
            });
        }
        if self.kind.divides() && self.servers.len() < 2 {
            return Err(Error::configuration(
                "a logical shard is split into two or more; name the server of each",
            ));
        }
        if self.kind == JobKind::Merge && sources.len() < 2 {
            return Err(Error::configuration(
                "two or more logical shards are merged",
            ));
        }
        let pins = group.router().pins();
        let unused = pins.iter().find(|(_, shard)| self.merged.contains(shard));
        if let Some((key, shard)) = unused {
            return Err(Error::configuration(format!(
                "key {key} is pinned to logical shard {shard}, which would be unused; remove the pin first"
            )));
        }
        Ok(sources)
    }

    /// The namespaces that it fills, with the keys of each where they change their owners.
    fn targets(&self, group: &Group, jobs: &[Job], keys: Vec<OwnedKeys>) -> Vec<Part> {
        let own = group.placement(self.shard);
        let generation = own.map_or(1, |own| own.namespace().generation());
        let next = Self::next_number(group, jobs);
        let keys = keys.into_iter().chain(std::iter::repeat(OwnedKeys::Fixed));
        let numbered = (0_u32..).zip(&self.servers).zip(keys);
        let target = |((number, server), keys): ((u32, &String), OwnedKeys)| {
            let part = match number {
                0 => Part::next(self.shard, server, generation, jobs, &self.group),
                _ => Part::next(next + number - 1, server, 0, jobs, &self.group),
            };
            part.with_keys(keys)
        };
        numbered.map(target).collect()
    }

    /// Whether an open job has a logical shard or server of this one.
    fn meets(&self, job: &Job, sources: &[Part]) -> bool {
        let is_own = |part: &Part| {
            let mut own = sources.iter();
            self.servers.contains(&part.server)
                || own.any(|own| own.shard == part.shard || own.server == part.server)
        };
        let is_open = job.group == self.group && !job.state.is_over();
        is_open && job.sources.iter().chain(&job.targets).any(is_own)
    }
}

impl Planned {
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
                self.against(
                    &about,
                    &format!("has a namespace `{name}` already; remove it"),
                );
            }
            if let Some((_, question)) = hindrances(place.dialect()) {
                self.add(hindrances_of(&mut place, question).await?);
            }
            place.close().await;
        }
        Ok(())
    }

    /// Looks at what one of the sources promises of its commits, and at what stands against it.
    async fn examine_durability(&mut self, request: &Request, source: &mut Place) -> Result<()> {
        if let Some((question, _)) = hindrances(source.dialect()) {
            self.add(hindrances_of(source, question).await?);
        }
        let question = durability(source.dialect());
        let Some(question) = question.filter(|_| !request.how.accepts_relaxed_durability) else {
            return Ok(());
        };
        let mut is_durable = true;
        let on_row = &mut |row: &Row<'_>| {
            is_durable = i64::read(row, 0)? != 0;
            Ok(())
        };
        source.ask_text(question, &[], on_row).await?;
        if !is_durable {
            self.against(
                "the source",
                "acknowledges commits before they are durable (`innodb_flush_log_at_trx_commit` is not 1): \
                 after a crash the target could have rows that it lost; set it to 1 for the move, or accept it",
            );
        }
        Ok(())
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
