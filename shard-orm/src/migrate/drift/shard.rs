//! The migrations of one logical shard, and where its tables deviate from those of the other namespaces of its group.
//!
//! Called by the web page. The cost does not grow with the group: a few other namespaces are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::level::levels;
use super::report::{Basis, Drifted};
use super::{Known, versions_of};
use crate::cluster::Location;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::migrate::builder::Migrate;
use crate::migrate::history::{Entry, State};
use crate::migrate::report::Failed;
use crate::migrate::run::{failed, location};
use crate::migrate::survey::{Found, survey};

/// The most other namespaces that are read.
const OTHERS: usize = 12;

/// The migrations of one logical shard, and where its tables deviate from those of the other namespaces of its group;
/// returned by [`Migrate::shard_level`].
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ShardLevel {
    /// The logical shard.
    pub location: Location,
    /// Each version that is applied here, that the files have, or that one of the others has, in order.
    pub versions: Vec<ShardVersion>,
    /// The other logical shards of the group on the same kind of database.
    pub group: usize,
    /// The number of these that were read, at most 12.
    pub read: usize,
    /// The number of these with the same versions, with which the tables were compared.
    pub compared: usize,
    /// Why the tables were compared with none.
    pub not_compared: Option<String>,
    /// Where its tables deviate from what most of them have.
    pub deviations: Vec<Drifted>,
    /// The others that did not answer.
    pub failed: Vec<Failed>,
}

/// A version of a logical shard.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ShardVersion {
    /// The version.
    pub version: i64,
    /// The name.
    pub name: String,
    /// Whether it is applied here.
    pub state: VersionState,
    /// When it was applied, by the clock of the database; or when that last made progress, if it is not over.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339"))]
    pub at: Option<SystemTime>,
    /// How long it took.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "took_seconds", serialize_with = "crate::units::seconds")
    )]
    pub took: Option<Duration>,
    /// Whether the files have it.
    pub has_file: bool,
    /// The number of others that have it.
    pub others: usize,
}

/// Whether a version is applied in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum VersionState {
    /// It is.
    Applied,
    /// It is, with another text than that of its file.
    Changed,
    /// It is being applied, or that was interrupted.
    Applying,
    /// It is being reverted, or that was interrupted.
    Reverting,
    /// It is not: the files or other namespaces have it.
    Missing,
}

impl ShardVersion {
    fn new(version: i64, name: &str) -> Self {
        Self {
            version,
            name: name.to_owned(),
            state: VersionState::Missing,
            at: None,
            took: None,
            has_file: false,
            others: 0,
        }
    }

    fn note(&mut self, entry: &Entry) {
        self.state = match entry.state {
            State::Applied => VersionState::Applied,
            State::Applying => VersionState::Applying,
            State::Reverting => VersionState::Reverting,
        };
        let millis = |millis: i64| u64::try_from(millis).ok().filter(|millis| *millis > 0);
        self.at = millis(entry.applied_at)
            .map(|millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        let is_over = entry.state == State::Applied;
        self.took = millis(entry.duration_ms)
            .filter(|_| is_over)
            .map(Duration::from_millis);
    }
}

impl Migrate {
    /// The migrations of one logical shard, and where its tables deviate from what most of the other namespaces of its
    /// group have at the same versions. Changes nothing.
    ///
    /// Reads the versions of the logical shard and of at most 12 others, evenly spread over the group, with one
    /// statement per server, and the catalog of each with four statements (five on PostgreSQL), which lock no table.
    /// Versions that are missing are those of the migration files, of which there may be none, and of the others. The
    /// files are not run: [`drift`](Self::drift) compares with them, and all namespaces.
    ///
    /// ```no_run
    /// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::migrate::Migrations;
    ///
    /// let level = cluster.migrate(&Migrations::none()).shard_level("shop", 3).await?;
    /// for version in &level.versions {
    ///     println!("{} {}: {:?}", version.version, version.name, version.state);
    /// }
    /// for drifted in &level.deviations {
    ///     println!("{}", drifted.description());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) for an unknown group;
    /// [`NoShardForKey`](ErrorKind::NoShardForKey) for an unknown logical shard;
    /// [`UndefinedTable`](ErrorKind::UndefinedTable) if its namespace does not exist; the error of its server. Others
    /// that do not answer are listed.
    pub async fn shard_level(&self, group: &str, shard: u32) -> Result<ShardLevel> {
        let own = self.cluster.handle_of_shard(group, shard)?;
        let is_other = |handle: &Arc<NamespaceHandle>| {
            handle.namespace.shard() != shard && handle.dialect() == own.dialect()
        };
        let mut all = self.cluster.handles_of_group(group)?;
        all.retain(is_other);
        let group_size = all.len();
        let others = spread(all, OTHERS);
        let handles: Vec<_> = std::iter::once(own).chain(others).collect();
        let mut found = survey(&handles).await.into_iter();
        let own = found.next().unwrap_or_else(|| Ok(Found::default()))?;
        if !own.exists {
            return Err(Error::new(
                ErrorKind::UndefinedTable,
                "the namespace does not exist; `shard-orm setup` or `shard-orm migrate up` creates it",
            ));
        }
        let mut level = ShardLevel {
            location: location(&handles[0]),
            versions: Vec::new(),
            group: group_size,
            read: 0,
            compared: 0,
            not_compared: None,
            deviations: Vec::new(),
            failed: Vec::new(),
        };
        let mut others = Vec::new();
        for (handle, found) in handles[1..].iter().zip(found) {
            match found {
                Ok(found) => others.push((handle, found)),
                Err(error) => level.failed.push(failed(handle, None, &error.into())),
            }
        }
        level.versions = self.versions(&handles[0], &own, &others);
        level.read = others.len();
        match self.peers(&handles[0], own, others) {
            Ok(known) => self.compare_with_others(&known, &mut level).await?,
            Err(reason) => level.not_compared = Some(reason),
        }
        Ok(level)
    }

    fn versions(
        &self,
        handle: &NamespaceHandle,
        own: &Found,
        others: &[(&Arc<NamespaceHandle>, Found)],
    ) -> Vec<ShardVersion> {
        let migrations = self.migrations.in_folder(handle.namespace.group());
        let mut versions: BTreeMap<i64, ShardVersion> = BTreeMap::new();
        for migration in migrations {
            let (version, name) = (migration.version(), migration.name());
            let mut new = ShardVersion::new(version, name);
            new.has_file = true;
            versions.insert(version, new);
        }
        let add = |versions: &mut BTreeMap<i64, ShardVersion>, entry: &Entry| {
            let new = || ShardVersion::new(entry.version, &entry.name);
            versions.entry(entry.version).or_insert_with(new);
        };
        for entry in own.entries.values() {
            add(&mut versions, entry);
        }
        for (_, found) in others {
            // One that is being applied elsewhere is missing here once it is applied there.
            let applied = found.entries.values();
            for entry in applied.filter(|entry| entry.state == State::Applied) {
                add(&mut versions, entry);
                if let Some(version) = versions.get_mut(&entry.version) {
                    version.others += 1;
                }
            }
        }
        for (number, version) in &mut versions {
            let Some(entry) = own.entries.get(number) else {
                continue;
            };
            version.note(entry);
            let mut own = migrations.iter();
            let file = own.find(|migration| migration.version() == *number);
            let is_changed = file.is_some_and(|file| !file.has_checksum(&entry.checksum));
            if is_changed && version.state == VersionState::Applied {
                version.state = VersionState::Changed;
            }
        }
        versions.into_values().collect()
    }

    /// The namespaces that can be compared: the logical shard first, then those with the same versions. Otherwise the
    /// reason why there are none.
    fn peers<'h>(
        &self,
        own: &'h Arc<NamespaceHandle>,
        found: Found,
        others: Vec<(&'h Arc<NamespaceHandle>, Found)>,
    ) -> Result<Vec<Known<'h>>, String> {
        let own = versions_of(own, found).map_err(|error| error.message().to_owned())?;
        let others = others
            .into_iter()
            .filter_map(|(handle, found)| versions_of(handle, found).ok());
        let peers: Vec<_> = others
            .filter(|other| other.versions == own.versions)
            .collect();
        if peers.is_empty() {
            return Err(
                "none of the other namespaces that were read has the same versions".to_owned(),
            );
        }
        Ok(std::iter::once(own).chain(peers).collect())
    }

    /// Compares the first one with what most of the others have.
    async fn compare_with_others(&self, known: &[Known<'_>], level: &mut ShardLevel) -> Result<()> {
        let read = self.read(known, &mut level.failed).await;
        let Some(own) = read
            .iter()
            .find(|one| Arc::ptr_eq(one.handle, known[0].handle))
        else {
            let is_own = |failed: &Failed| failed.location == level.location;
            let failed = level.failed.iter().position(is_own);
            let failed = failed.map(|at| level.failed.remove(at));
            return match failed {
                Some(failed) => Err(Error::new(failed.kind, failed.message)),
                None => Ok(()),
            };
        };
        if read.len() == 1 {
            level.not_compared = Some("none of the other namespaces could be read".to_owned());
            return Ok(());
        }
        for same in levels(&read) {
            let expected = same.without(own.handle).majority();
            let dialect = own.handle.dialect();
            let mut found = same.compare(&expected, Basis::Majority, dialect)?;
            found.retain(|drifted| drifted.location == level.location);
            level.deviations.extend(found);
        }
        level.compared = read.len() - 1;
        if !level.deviations.is_empty() && self.has_changed(known).await {
            level.deviations.clear();
            level.compared = 0;
            let reason = "a migration was run meanwhile; look again";
            level.not_compared = Some(reason.to_owned());
        }
        Ok(())
    }

    /// Whether a namespace has other versions than it had.
    async fn has_changed(&self, known: &[Known<'_>]) -> bool {
        let handles: Vec<_> = known.iter().map(|one| Arc::clone(one.handle)).collect();
        let now = survey(&handles).await;
        let mut both = known.iter().zip(now);
        both.any(|(known, now)| !now.is_ok_and(|now| now.entries == known.found.entries))
    }
}

/// As many as `most` of them, evenly spread.
fn spread<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let of = all.len();
    let is_chosen = |at: usize| of <= most || at * most / of != (at + 1) * most / of;
    let numbered = all.into_iter().enumerate();
    let chosen = numbered.filter(|(at, _)| is_chosen(*at));
    chosen.map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_chosen_from_the_whole_group() {
        assert_eq!(spread(vec![1, 2, 3], 12), [1, 2, 3]);
        let chosen = spread((0..1_000).collect(), 12);
        assert_eq!(chosen.len(), 12);
        assert!(chosen[0] < 100 && chosen[11] >= 900, "{chosen:?}");
        for most in 1..20 {
            let chosen = spread((0..19).collect::<Vec<_>>(), most);
            assert_eq!(chosen.len(), most.min(19), "{chosen:?}");
        }
    }
}
