//! The first steps: the token at both ends, the target's namespace, and the capture of changes.

use std::sync::Arc;

use crate::backend::structure::Structure;
use crate::catalog::{Document, JobState};
use crate::connect::{Layout, State, TABLE, read_record_of};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::create_incoming;
use crate::reshard::blueprint::{Blueprint, read_structure};
use crate::reshard::copy::create_progress;
use crate::reshard::divider::Divider;
use crate::reshard::driver::Driver;
use crate::reshard::mover::{End, Seen};
use crate::reshard::place::Place;
use crate::reshard::places::Site;
use crate::reshard::rows::MovedTable;
use crate::reshard::steps::fill::missing;
use crate::schema::counterpart::Counterparts;
use crate::schema::move_log::{self, LoggedTable};

impl Driver {
    /// Writes job and token into the records of one end, and into the name of what waits for a fence.
    pub(super) async fn claim(&mut self, end: End) -> Result<()> {
        if self.job.state != JobState::Preparing {
            self.read_blueprints().await?;
        }
        for site in self.sites(end) {
            if !matches!(self.seen_at(site).await?, Seen::Record { own: false, .. }) {
                continue;
            }
            let blueprint = self.blueprint(site);
            let place = self.place(site).await?;
            let standing = place.claim().await?;
            if !place.dialect().capability().transactional_ddl {
                let others = names_of(place).await?;
                let fence = blueprint.fence(place);
                let texts = fence.raise(&others, standing.state == State::Fenced);
                place.all(&texts).await?;
                // A fence of the former runner may have gone through meanwhile.
                self.look_again();
                continue;
            }
            self.saw(site, standing);
        }
        Ok(())
    }

    /// Creates the namespaces of the targets with their tables: without rows, indexes, foreign keys and triggers.
    pub(super) async fn create(&mut self) -> Result<()> {
        let mut blueprints = Vec::new();
        for number in 0..self.job.targets.len() {
            blueprints.push(self.create_target(number).await?);
        }
        self.use_blueprints(blueprints).await?;
        self.done.created = true;
        self.look_again();
        Ok(())
    }

    async fn create_target(&mut self, number: usize) -> Result<Blueprint> {
        let ticket = self.ticket();
        let layout = self.layout(number).await?;
        let site = Site::target(number);
        let handle = self.handle(site).await?;
        create_incoming(&handle, &layout, (ticket.job, ticket.token)).await?;
        // A connection that was opened before is not in the namespace.
        self.places.drop(site);
        let source = self.place(Site::source(0)).await?;
        let structure = read_structure(source, handle.namespace.name()).await?;
        if let Some(objection) = structure.objections.first() {
            return Err(Error::unsupported(format!(
                "{objection} ({} things stand against the move)",
                structure.objections.len()
            )));
        }
        let blueprint = {
            let named = Blueprint::of(&structure, &|name: &str| name.to_owned());
            let fence = named.fence(source);
            Blueprint::of(&structure, &|name: &str| fence.held(name))
        };
        if self.staying() == Some(site) {
            let target = self.place(site).await?;
            target.all(&structure.of_namespace()).await?;
            blueprint.write(target).await?;
            return Ok(blueprint);
        }
        if let Some(described) = self.structure_there(site).await? {
            return self.create_described(site, described, blueprint).await;
        }
        let target = self.place(site).await?;
        // What an earlier attempt has created stays, and nothing is dropped: by now it could be in use.
        let there = read_structure(target, handle.namespace.name()).await?;
        let transactional = target.dialect().capability().transactional_ddl;
        target.begin_as(State::Incoming).await?;
        if !transactional {
            target.commit().await?;
        }
        let create = missing(structure.create.clone(), &there.create);
        target.all(&create).await?;
        target.all(&structure.privileges).await?;
        if transactional {
            target.commit().await?;
        }
        blueprint.write(target).await?;
        target.batch(&create_progress(target)).await?;
        Ok(blueprint)
    }

    /// Creates the tables of a target that is another kind of database than the source.
    async fn create_described(
        &mut self,
        site: Site,
        structure: Structure,
        source: Blueprint,
    ) -> Result<Blueprint> {
        let target = self.place(site).await?;
        let transactional = target.dialect().capability().transactional_ddl;
        target.begin_as(State::Incoming).await?;
        if !transactional {
            target.commit().await?;
        }
        target.all(&structure.create).await?;
        if transactional {
            target.commit().await?;
        }
        let structure = self.with_sequences(site, structure).await?;
        let blueprint = Blueprint::of(&structure, &str::to_owned).with_source(source);
        let target = self.place(site).await?;
        blueprint.write(target).await?;
        target.batch(&create_progress(target)).await?;
        Ok(blueprint)
    }

    /// The layout in a target's record: that of the source, on another server. Pins name the logical shard by its
    /// number.
    async fn layout(&mut self, number: usize) -> Result<Layout> {
        let shard = self.job.shard();
        let part = self.job.targets.get(number).cloned();
        let part = part.ok_or_else(|| Error::decode("a job without namespaces"))?;
        let source = self.place(Site::source(0)).await?;
        let table = source.handle.namespace.own_table(TABLE);
        let found = read_record_of(&mut source.conn, &table).await;
        let found = found.map_err(|failure| source.named(failure))?;
        let layout = found.and_then(|record| record.layout).ok_or_else(|| {
            Error::configuration(
                "the record of the source is of an earlier version; run `cluster.setup()` once",
            )
        })?;
        Ok(Layout {
            server: part.server,
            pinned_keys: match part.shard == shard {
                true => layout.pinned_keys,
                false => String::new(),
            },
            ..layout
        })
    }

    /// The structure of the job, as it is at a namespace.
    pub(in crate::reshard) fn blueprint(&self, site: Site) -> Blueprint {
        let known = self.blueprints.as_deref().unwrap_or_default();
        let found = match site.end {
            // Those of some targets may be dropped by now.
            End::Source => {
                let mut written = known.iter().filter(|blueprint| !blueprint.is_empty());
                written.next().map(Blueprint::at_source)
            }
            End::Target => known.get(site.number),
        };
        found.cloned().unwrap_or_default()
    }

    /// Reads what the job keeps of the structure, unless it is known.
    pub(super) async fn read_blueprints(&mut self) -> Result<()> {
        if self.blueprints.is_some() {
            return Ok(());
        }
        // It is written before anything else is done at the target, and dropped last. A source that is closed cannot be
        // opened without it.
        let may_be_missing = match self.job.state {
            JobState::Preparing | JobState::Finishing | JobState::Returning => true,
            JobState::Aborting => self.records().await?.0 != Some(State::Fenced),
            _ => false,
        };
        let mut blueprints = Vec::new();
        for site in self.sites(End::Target) {
            if may_be_missing && !self.handle(site).await?.has_file() {
                blueprints.push(Blueprint::default());
                continue;
            }
            let target = self.place(site).await?;
            blueprints.push(match Blueprint::read(target).await {
                Err(error) if may_be_missing && error.kind() == ErrorKind::UndefinedTable => {
                    Blueprint::default()
                }
                read => read?,
            });
        }
        if blueprints.iter().all(Blueprint::is_empty) {
            self.blueprints = Some(blueprints);
            return Ok(());
        }
        self.use_blueprints(blueprints).await
    }

    /// Takes the structure of the job, and the tables that it names: both or none. Without its tables, a log would
    /// be taken for an empty one.
    async fn use_blueprints(&mut self, blueprints: Vec<Blueprint>) -> Result<()> {
        // A part that stays has no tables yet.
        let fed = self.fed().into_iter().map(|site| site.number);
        let is_written =
            |number: &usize| blueprints.get(*number).is_some_and(|one| !one.is_empty());
        let written = fed.into_iter().find(is_written);
        self.tables = match written {
            Some(number) if self.job.is_between_kinds() => {
                // Their names at the source are found by it.
                self.blueprints = Some(blueprints.clone());
                let tables = self.canonical_tables().await;
                self.blueprints = None;
                self.canonical(&tables?, &blueprints[number])?
            }
            Some(number) => self.read_tables(number, &blueprints[number]).await?,
            None => Vec::new(),
        };
        let tables = std::mem::take(&mut self.tables).into_iter();
        self.tables = tables.map(|table| self.leaving(table)).collect();
        if self.job.kind.regroups() && (!self.stays() || self.fed().len() > 1) {
            self.divider = Some(Arc::new(self.divider().await?));
        }
        self.blueprints = Some(blueprints);
        Ok(())
    }

    /// Which namespace owns a row, at the end that has several: by the topology in which that end serves.
    async fn divider(&self) -> Result<Divider> {
        let (own, others) = match self.job.kind.divides() {
            true => (&self.job.targets, &self.job.sources),
            false => (&self.job.sources, &self.job.targets),
        };
        let (revision, topology) = self.cluster.newest_topology().await?;
        let mut document: Document = revision.document.parse()?;
        document.place(&topology, &self.job.group, own, others)?;
        let topology = self.cluster.topology_of(&document.to_string())?;
        let group = topology.group(&self.job.group);
        let router = group.map(|group| group.router().clone());
        let router = router.ok_or_else(|| Error::decode("a job of a group that is gone"))?;
        let single = others.first();
        let single = single.ok_or_else(|| Error::decode("a job without namespaces"))?;
        let mut shards: Vec<u32> = own.iter().map(|part| part.shard).collect();
        if let Some(site) = self.staying() {
            shards.remove(site.number);
        }
        let single = (single.shard, &single.keys);
        Ok(Divider::new(router, single, shards, self.job.keys.clone()))
    }

    /// Reads the tables: at a target, where all have columns as at the source.
    async fn read_tables(
        &mut self,
        number: usize,
        blueprint: &Blueprint,
    ) -> Result<Vec<MovedTable>> {
        let names = blueprint.tables();
        let defs = {
            let target = self.place(Site::target(number)).await?;
            let fence = blueprint.fence(target);
            // While the target is closed, its tables have other names.
            let mut defs = target.tables().await?;
            for def in &mut defs {
                if let Some(name) = names.iter().find(|name| fence.held(name) == def.name) {
                    def.name.clone_from(name);
                }
            }
            defs
        };
        let may_be_gone = self.tables_may_be_gone();
        let mut tables = Vec::new();
        for (number, name) in names.iter().enumerate() {
            match defs.iter().find(|def| def.name == *name) {
                Some(def) => tables.push(MovedTable::new(number, def)),
                None if may_be_gone => {}
                None => {
                    return Err(Error::decode(format!(
                        "table `{name}` is missing at the target; abort the job"
                    )));
                }
            }
        }
        Ok(tables)
    }

    /// Whether a former runner may have begun to drop the tables of an end.
    fn tables_may_be_gone(&self) -> bool {
        matches!(
            self.job.state,
            JobState::Aborting | JobState::Finishing | JobState::Returning
        )
    }

    /// The tables of a job between kinds of databases.
    fn canonical(&self, found: &Counterparts, blueprint: &Blueprint) -> Result<Vec<MovedTable>> {
        let mut tables = Vec::new();
        for (number, name) in blueprint.tables().iter().enumerate() {
            match found.tables.iter().find(|table| table.name == *name) {
                Some(table) => tables.push(MovedTable::canonical(number, Arc::clone(table))),
                None if self.tables_may_be_gone() => {}
                None => {
                    return Err(Error::decode(format!(
                        "table `{name}` is missing at the source; abort the job"
                    )));
                }
            }
        }
        Ok(tables)
    }

    /// Installs the capture of changes at one end.
    pub(super) async fn capture(&mut self, end: End) -> Result<()> {
        self.read_blueprints().await?;
        let several = self.sites(end).len() > 1;
        for site in self.sites(end) {
            // One of several may be closed before the others, and logs nothing more.
            if several && self.standing_at(site).await? == State::Fenced {
                continue;
            }
            self.capture_at(site).await?;
        }
        match end {
            End::Source => self.done.captured = true,
            End::Target => self.done.way_back = true,
        }
        Ok(())
    }

    async fn capture_at(&mut self, site: Site) -> Result<()> {
        let job = self.job.id.to_string();
        // The foreign keys, by which deletions cascade, are created at the target before it serves.
        let described = match self.standing_at(site).await? {
            State::Active => site,
            _ if site.end == End::Source || self.job.is_between_kinds() => site,
            _ => Site::source(0),
        };
        let defs = self.place(described).await?.tables().await?;
        let mut logged = Vec::new();
        for table in &self.tables {
            let name = &table.def.name;
            let def = defs.iter().find(|def| def.name == *name).ok_or_else(|| {
                Error::decode(format!(
                    "table `{name}` has gone since the job began; abort it"
                ))
            })?;
            let mut def = def.clone();
            if table.is_canonical && def.foreign_keys.is_empty() {
                def.foreign_keys.clone_from(&table.def.foreign_keys);
            }
            logged.push(LoggedTable {
                def: Arc::new(def),
                shard_key: Vec::new(),
            });
        }
        let blueprint = self.blueprint(site);
        let place = self.place(site).await?;
        let dialect = place.dialect();
        let install = move_log::install(dialect, &job, &logged)?;
        place.begin_in_any_state().await?;
        if !dialect.capability().transactional_ddl {
            place.commit().await?;
        }
        place.all(&install).await?;
        if dialect.capability().transactional_ddl {
            place.commit().await?;
        }
        let fence = blueprint.fence(place).prepare();
        place.all(&fence).await
    }
}

/// The names of all tables and views of a namespace.
pub(super) async fn names_of(place: &mut Place) -> Result<Vec<String>> {
    let (text, values) =
        crate::backend::objects_of_namespace(place.dialect(), place.handle.namespace.name());
    let mut names = Vec::new();
    let on_row = &mut |row: &crate::backend::Row<'_>| {
        names.push(<String as crate::backend::Field>::read(row, 0)?);
        Ok(())
    };
    place.ask_text(text, &values, on_row).await?;
    Ok(names)
}
