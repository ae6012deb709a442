//! The id generators of one cluster: its worker, its sequences, and their configuration.
//!
//! An extension of the cluster. Uses no connection: `lease` and `block` access the database for it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use super::block::{Sequence, name_of};
use super::nanosecond;
use super::snowflake::{BORROWED_MILLISECONDS, Grant, Refusal, Snowflakes};
use super::worker::State;
use crate::cluster::Cluster;
use crate::config;
use crate::config::layout::Layout;
use crate::error::Error;
use crate::model::{Generate, Generated, ModelDef, NewId};

/// The id generators of one cluster.
pub(crate) struct Generators {
    config: config::Ids,
    pub(super) snowflakes: Snowflakes,
    /// Locked while a worker id is leased, renewed or released.
    pub(super) lease: tokio::sync::Mutex<State>,
    sequences: Mutex<HashMap<(&'static str, &'static str), Arc<Sequence>>>,
    /// The runtime on which the cluster was opened.
    pub(super) runtime: Handle,
}

impl Cluster {
    /// The configured layout of this cluster's snowflakes.
    ///
    /// ```no_run
    /// # fn run(cluster: &shard_orm::Cluster, id: i64) {
    /// if let Some(parts) = cluster.id_layout().parts(id) {
    ///     println!("made at {:?} by worker {}", parts.time, parts.worker);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn id_layout(&self) -> Layout {
        self.generators().layout()
    }

    pub(crate) fn generators(&self) -> &Generators {
        self.extension()
    }
}

impl Generators {
    /// Created from a valid configuration.
    pub(super) fn new(config: &config::Ids, runtime: Handle) -> Self {
        let generators = Self {
            // An open cluster has a valid layout.
            snowflakes: Snowflakes::new(config.layout().unwrap_or_default()),
            lease: tokio::sync::Mutex::default(),
            sequences: Mutex::default(),
            config: config.clone(),
            runtime,
        };
        if let Some(worker) = config.worker_number() {
            // If the clock is not set yet, the first id tries again and reports it.
            let _unset = generators.grant_number(worker);
        }
        generators
    }

    pub(crate) fn config(&self) -> &config::Ids {
        &self.config
    }

    pub(crate) fn layout(&self) -> Layout {
        self.snowflakes.layout()
    }

    /// Generates ids with the worker id of the configuration.
    pub(super) fn grant_number(&self, worker: u32) -> Result<(), Refusal> {
        let now = self.snowflakes.millisecond().ok_or(Refusal::ClockUnset)?;
        // An earlier process may have had the same number and run ahead of the clock.
        let floor = if first_of_process(self.layout(), worker) {
            now + BORROWED_MILLISECONDS
        } else {
            0
        };
        self.snowflakes
            .grant(Grant::new(worker, None, u64::MAX), floor);
        Ok(())
    }

    /// The id of a row, if it can be generated without a database and without waiting.
    pub(super) fn try_generate(
        &self,
        def: &'static ModelDef,
        generated: Generated,
        key: i64,
    ) -> Result<NewId, Refusal> {
        match generated.by {
            Generate::Snowflake => {
                let id = if def.key.is_none() || def.key == Some(generated.column) {
                    // There is no other key whose hash it could hold.
                    self.snowflakes.try_next_of_hash(0)
                } else {
                    self.snowflakes.try_next(key)
                };
                id.map(NewId::Integer)
            }
            Generate::Table => self
                .sequence(def)
                .try_next()
                .map(NewId::Integer)
                .ok_or(Refusal::NoWorker),
            Generate::Nanosecond => nanosecond::SHARED.try_next(key).map(NewId::Integer),
            #[cfg(feature = "uuid")]
            Generate::UuidV7 => Ok(NewId::Uuid(uuid::Uuid::now_v7())),
            #[cfg(not(feature = "uuid"))]
            Generate::UuidV7 => Err(Refusal::Exhausted),
        }
    }

    /// The sequence of a model.
    pub(super) fn sequence(&self, def: &'static ModelDef) -> Arc<Sequence> {
        let mut all = self
            .sequences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (home, table) = (def.location_name(), def.table);
        Arc::clone(
            all.entry((home, table))
                .or_insert_with(|| Arc::new(Sequence::new(name_of(home, table)))),
        )
    }
}

/// Whether this process uses a worker id for the first time.
fn first_of_process(layout: Layout, worker: u32) -> bool {
    static SEEN: Mutex<Option<HashSet<(Layout, u32)>>> = Mutex::new(None);
    SEEN.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_default()
        .insert((layout, worker))
}

#[cold]
pub(super) fn no_worker_configured(def: &ModelDef) -> Error {
    Error::configuration(format!(
        "`{}` has snowflake ids, but no worker id is configured; write [ids] worker = {{ lease = \
         \"default\" }} with the name of a database, or in code \
         `.ids(Ids::new().lease(\"default\"))`, or give each process a different number",
        def.name
    ))
}

#[cold]
pub(super) fn no_tables_configured(def: &ModelDef) -> Error {
    Error::configuration(format!(
        "`{}` has ids from a table, but no database is configured for it; write [ids] tables = \
         \"default\" with the name of a database, or in code \
         `.ids(Ids::new().tables(\"default\"))`",
        def.name
    ))
}

impl fmt::Debug for Generators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Makers")
            .field("snowflakes", &self.snowflakes)
            .finish_non_exhaustive()
    }
}
