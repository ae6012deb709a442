//! The endpoints of a primary and its replicas: URLs, options and pools.

use super::duplicates::Duplicates;
use crate::config::{
    Address, DatabaseOptions, Location, PoolOptions, PoolSettings, Replica, Report,
};
use crate::dialect::Dialect;
use crate::topology::Endpoint;

/// The part of the configuration with a primary and its replicas.
pub(super) struct Level<'a> {
    pub(super) path: &'a str,
    /// As written there, to be checked there.
    pub(super) options: &'a DatabaseOptions,
    pub(super) pool: &'a PoolOptions,
}

/// The valid parts.
pub(super) struct Found {
    /// The primary's.
    pub(super) location: Option<Location>,
    pub(super) endpoints: Option<(Endpoint, Vec<Endpoint>)>,
}

/// Checks the URLs of a primary and its replicas, with their effective options and pool.
pub(super) fn endpoints(
    level: &Level<'_>,
    (primary, replicas): (&Address, &[Replica]),
    (options, settings): (DatabaseOptions, PoolSettings),
    duplicates: &mut Duplicates,
    report: &mut Report,
) -> Found {
    let location = locate(&format!("{}.primary", level.path), primary, report);
    let dialect = location.as_ref().map(|location| location.dialect);
    if let Some(location) = &location {
        let path = format!("{}.primary", level.path);
        if !location.dialect.is_enabled() {
            report.add(
                &path,
                format!(
                    "this build has no driver for {}; enable the feature `{}` of shard-orm",
                    location.dialect,
                    location.dialect.feature()
                ),
            );
        }
        duplicates.primary(&location.identity, &path);
    }
    level
        .options
        .check(dialect, &format!("{}.options", level.path), report);
    level.pool.check(&format!("{}.pool", level.path), report);
    let mut all_right = true;
    let mut others: Vec<Endpoint> = Vec::new();
    for (at, replica) in replicas.iter().enumerate() {
        let path = format!("{}.replicas[{at}]", level.path);
        let Some(found) = locate(&path, &replica.address, report) else {
            all_right = false;
            continue;
        };
        if let Some(dialect) = dialect.filter(|dialect| *dialect != found.dialect) {
            report.add(
                &path,
                mixed("a replica", found.dialect, "its primary", dialect),
            );
        }
        if others
            .iter()
            .any(|other| other.identity() == found.identity)
        {
            report.add(&path, "duplicate replica; remove one");
        }
        duplicates.replica(&found.identity, &path);
        let weight = replica.weight;
        others.push(Endpoint::new(
            replica.address.clone(),
            found,
            options.clone(),
            settings.clone(),
            weight,
        ));
    }
    let endpoints = location.clone().filter(|_| all_right).map(|location| {
        (
            Endpoint::new(primary.clone(), location, options, settings, 1),
            others,
        )
    });
    Found {
        location,
        endpoints,
    }
}

/// The message for two endpoints of different databases.
fn mixed(one: &str, its: Dialect, other: &str, others: Dialect) -> String {
    format!("{one} is on {its}, but {other} is on {others}; use one database for both")
}

fn locate(path: &str, address: &Address, report: &mut Report) -> Option<Location> {
    if report.has(path) {
        return None;
    }
    let folder = report.origin().folder.clone();
    match address.locate(folder.as_deref()) {
        Ok(location) => Some(location),
        Err(reason) => {
            report.add(path, reason);
            None
        }
    }
}
