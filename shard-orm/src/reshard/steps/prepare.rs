//! The first steps: the token at both ends, the target's namespace, and the capture of changes.

use std::sync::Arc;

use crate::catalog::JobState;
use crate::connect::{Layout, State, TABLE, read_record_of};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::create_incoming;
use crate::reshard::blueprint::{Blueprint, read_structure};
use crate::reshard::copy::create_progress;
use crate::reshard::driver::Driver;
use crate::reshard::mover::End;
use crate::reshard::place::Place;
use crate::reshard::rows::MovedTable;
use crate::reshard::steps::fill::missing;
use crate::schema::move_log::{self, LoggedTable};

impl Driver {
    /// Writes job and token into the record at one end, and into the name of what waits for a fence.
    pub(super) async fn claim(&mut self, end: End) -> Result<()> {
        if self.job.state != JobState::Preparing {
            self.read_blueprint().await?;
        }
        let blueprint = self.blueprint.clone().unwrap_or_default();
        let place = self.place(end).await?;
        let standing = place.claim().await?;
        if !place.dialect().capability().transactional_ddl {
            let others = names_of(place).await?;
            let fence = blueprint.fence(place);
            let texts = fence.raise(&others, standing.state == State::Fenced);
            place.all(&texts).await?;
            // A fence of the former runner may have gone through meanwhile.
            self.look_again();
            return Ok(());
        }
        self.saw(end, standing);
        Ok(())
    }

    /// Creates the target's namespace with its tables: without rows, indexes, foreign keys and triggers.
    pub(super) async fn create(&mut self) -> Result<()> {
        let ticket = self.ticket();
        let layout = self.layout().await?;
        let handle = self.handle(End::Target).await?;
        create_incoming(&handle, &layout, (ticket.job, ticket.token)).await?;
        // A connection that was opened before is not in the namespace.
        self.target = None;
        let (source, target) = self.both().await?;
        let structure = read_structure(source, handle.namespace.name()).await?;
        if let Some(objection) = structure.objections.first() {
            return Err(Error::unsupported(format!(
                "{objection} ({} things stand against the move)",
                structure.objections.len()
            )));
        }
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
        let blueprint = {
            let named = Blueprint::of(&structure, &|name: &str| name.to_owned());
            let fence = named.fence(source);
            Blueprint::of(&structure, &|name: &str| fence.held(name))
        };
        blueprint.write(target).await?;
        target.batch(&create_progress(target)).await?;
        self.use_blueprint(blueprint).await?;
        self.done.created = true;
        self.look_again();
        Ok(())
    }

    /// The layout in the target's record: that of the source, on another server.
    async fn layout(&mut self) -> Result<Layout> {
        let server = self.job.targets.first().map(|part| part.server.clone());
        let source = self.place(End::Source).await?;
        let table = source.handle.namespace.own_table(TABLE);
        let found = read_record_of(&mut source.conn, &table).await;
        let found = found.map_err(|failure| source.named(failure))?;
        let layout = found.and_then(|record| record.layout).ok_or_else(|| {
            Error::configuration(
                "the record of the source is of an earlier version; run `cluster.setup()` once",
            )
        })?;
        Ok(Layout {
            server: server.unwrap_or_default(),
            ..layout
        })
    }

    /// Reads what the job keeps of the structure, unless it is known.
    pub(super) async fn read_blueprint(&mut self) -> Result<()> {
        if self.blueprint.is_some() {
            return Ok(());
        }
        // It is written before anything else is done at the target, and dropped last. A source that is closed cannot be
        // opened without it.
        let may_be_missing = match self.job.state {
            JobState::Preparing | JobState::Finishing | JobState::Returning => true,
            JobState::Aborting => self.records().await?.0 != Some(State::Fenced),
            _ => false,
        };
        let has_file = self.handle(End::Target).await?.has_file();
        let blueprint = if has_file || !may_be_missing {
            let target = self.place(End::Target).await?;
            match Blueprint::read(target).await {
                Err(error) if may_be_missing && error.kind() == ErrorKind::UndefinedTable => None,
                read => Some(read?),
            }
        } else {
            None
        };
        match blueprint {
            Some(blueprint) => self.use_blueprint(blueprint).await,
            None => {
                self.blueprint = Some(Blueprint::default());
                Ok(())
            }
        }
    }

    /// Takes the structure of the job, and the tables that it names: both or none. Without its tables, a log would
    /// be taken for an empty one.
    async fn use_blueprint(&mut self, blueprint: Blueprint) -> Result<()> {
        self.tables = self.read_tables(&blueprint).await?;
        self.cursors = vec![0; self.tables.len()];
        self.blueprint = Some(blueprint);
        Ok(())
    }

    /// Reads the tables: at the target, where all have columns as at the source.
    async fn read_tables(&mut self, blueprint: &Blueprint) -> Result<Vec<MovedTable>> {
        let names = blueprint.tables();
        let defs = {
            let target = self.place(End::Target).await?;
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
        // A former runner may have begun to drop them.
        let may_be_gone = matches!(
            self.job.state,
            JobState::Aborting | JobState::Finishing | JobState::Returning
        );
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

    /// Installs the capture of changes at one end.
    pub(super) async fn capture(&mut self, end: End) -> Result<()> {
        self.read_blueprint().await?;
        let job = self.job.id.to_string();
        let order = self
            .tables
            .iter()
            .map(|table| table.def.name.clone())
            .collect::<Vec<_>>();
        // The foreign keys, by which deletions cascade, are created at the target before it serves.
        let described = match (end, self.standings().await?) {
            (End::Target, (_, State::Active)) => End::Target,
            _ => End::Source,
        };
        let defs = self.place(described).await?.tables().await?;
        let mut logged = Vec::new();
        for name in &order {
            let def = defs.iter().find(|def| def.name == *name).ok_or_else(|| {
                Error::decode(format!(
                    "table `{name}` has gone since the job began; abort it"
                ))
            })?;
            logged.push(LoggedTable {
                def: Arc::new(def.clone()),
                shard_key: Vec::new(),
            });
        }
        let place = self.place(end).await?;
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
        let fence = {
            let blueprint = self.blueprint.clone().unwrap_or_default();
            let place = self.place(end).await?;
            blueprint.fence(place).prepare()
        };
        self.place(end).await?.all(&fence).await?;
        match end {
            End::Source => self.done.captured = true,
            End::Target => self.done.way_back = true,
        }
        Ok(())
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
