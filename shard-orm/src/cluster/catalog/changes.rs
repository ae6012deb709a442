//! What makes a change of the topology impossible, and what is said of one that came too late.

use super::Catalog;
use crate::catalog::{Document, Revision, Store};
use crate::cluster::Cluster;
use crate::config::{Config, Ids, Runs};
use crate::error::{Error, Result};
use crate::topology::{Group, Topology};

/// The number of changes that the error of a change lists that came too late.
const CHANGES_SHOWN: usize = 10;

impl Catalog {
    /// Adds to the error of a change that came too late what has changed since its base.
    pub(super) async fn with_changes_since(&self, base: &Revision, error: Error) -> Error {
        let Ok(Some(newest)) = self.current().await else {
            return error;
        };
        let parsed = |text: &str| text.parse::<Document>();
        let (Ok(before), Ok(after)) = (parsed(&base.document), parsed(&newest.document)) else {
            return error;
        };
        let changes = before.difference(&after);
        let mut lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        if lines.len() > CHANGES_SHOWN {
            lines.truncate(CHANGES_SHOWN);
            lines.push(format!(
                "and more: see `shard-orm catalog diff --epoch {}`",
                base.epoch
            ));
        }
        if lines.is_empty() {
            return error;
        }
        Error::new(
            error.kind(),
            format!(
                "{}. Changed since epoch {}:\n  - {}",
                error.message(),
                base.epoch,
                lines.join("\n  - ")
            ),
        )
    }

    /// Refuses a topology whose database of the catalog is another one, or cannot be reached: the
    /// processes that use it would never find the next topology.
    pub(super) async fn check_database(&self, base: &Revision, document: &str) -> Result<()> {
        let own = self.follower()?;
        let name = &own.options().database;
        let of = |document: &str| -> Result<Config> {
            let mut config = own.config().with_document(document)?;
            config.catalog = None;
            config.ids = Ids::default();
            config.groups.clear();
            config.databases.retain(|(own, _)| own == name);
            Ok(config)
        };
        let (before, after) = (of(&base.document)?, of(document)?);
        let topology = (before.topology()?, after.topology()?);
        if topology.0.database(name) == topology.1.database(name) {
            return Ok(());
        }
        let cluster = Cluster::connect(&after).await?;
        let handle = cluster.handle_of_database(name)?;
        // A new connection takes longer than an answer.
        let limit = own.options().timeout + handle.acquire_timeout();
        let found = Store::within(limit, Store::new(&handle).at(base.epoch)).await;
        drop(handle);
        cluster.close().await;
        let problem = match found {
            Ok(Some(found)) if found.change_id == base.change_id => return Ok(()),
            Ok(_) => "it holds another catalog".to_owned(),
            Err(error) => error.message().to_owned(),
        };
        Err(Error::configuration(format!(
            "with this topology, processes would lose the catalog in database `{name}`: {problem}; \
             correct `[databases.{name}]`"
        )))
    }
}

/// Refuses logical shards that change their server or generation, and groups that disappear.
pub(super) fn check_placements(before: &Topology, after: &Topology) -> Result<()> {
    let mut problems = Vec::new();
    for group in before.groups() {
        let name = group.name();
        let Some(next) = after.group(name) else {
            problems.push(format!("group `{name}` is missing"));
            continue;
        };
        let differs = |shard: &u32| place(group, *shard) != place(next, *shard);
        let moved = Runs::of((0..group.logical_shards()).filter(differs));
        if moved.texts().next().is_some() {
            problems.push(format!(
                "{} of group `{name}` would be on other servers, or in other namespaces",
                moved.in_words()
            ));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "a change of the topology moves no rows: {}; leave the shards where they are, or, if their rows \
         were moved by hand, accept it with `allow_moves`",
        problems.join("; ")
    )))
}

/// The server and generation of a logical shard.
fn place(group: &Group, shard: u32) -> Option<(&str, u32)> {
    let placement = group.placement(shard)?;
    let server = group.servers().get(placement.server())?;
    Some((&**server.name(), placement.namespace().generation()))
}
