//! Builds a topology from a configuration, or reports all its problems.
//!
//! Called by [`Config::topology`] and by the reader of configuration files. Connects to no server.

use std::sync::Arc;

use super::{Database, Topology};
use crate::config::{Config, HealthSettings, PoolSettings, Report};

mod duplicates;
mod endpoints;
mod group;
mod ids;
mod runs;
mod strategy;

use duplicates::Duplicates;
use endpoints::{Level, endpoints};

/// The topology of epoch 1; `None` if a reported problem prevents building it.
pub(crate) fn build(config: &Config, report: &mut Report) -> Option<Topology> {
    if !report.has("name") {
        check_label("name", "cluster", &config.name, report);
    }
    config.pool.check("pool", report);
    ids::ids(config, report);
    config.fan_out.check(report);
    config.health.check("health", report);
    if let Some(catalog) = &config.catalog {
        let databases: Vec<&str> = config.databases.iter().map(|(name, _)| &**name).collect();
        catalog.check(&databases, report);
    }
    if config.databases.is_empty() && config.groups.is_empty() {
        report.add(
            "",
            "the configuration has no database and no group; add at least one",
        );
    }
    let mut duplicates = Duplicates::default();
    let mut names = Vec::new();
    let databases: Vec<Option<Database>> = config
        .databases
        .iter()
        .map(|(name, _)| {
            check_unique("databases", "database", name, &mut names, report);
            database(config, name, &mut duplicates, report)
        })
        .collect();
    names.clear();
    let groups: Vec<_> = config
        .groups
        .iter()
        .map(|(name, described)| {
            check_unique("groups", "group", name, &mut names, report);
            group::group(config, name, described, &mut duplicates, report)
        })
        .collect();
    duplicates.check(report);
    Some(Topology {
        epoch: 1,
        name: Arc::from(&*config.name),
        groups: groups.into_iter().collect::<Option<_>>()?,
        databases: databases.into_iter().collect::<Option<_>>()?,
    })
}

fn database(
    config: &Config,
    name: &str,
    duplicates: &mut Duplicates,
    report: &mut Report,
) -> Option<Database> {
    let (_, described) = config.databases.iter().find(|(own, _)| own == name)?;
    let path = format!("databases.{name}");
    check_label(&path, "database", name, report);
    let level = Level {
        path: &path,
        options: &described.options,
        pool: &described.pool,
    };
    let found = endpoints(
        &level,
        (&described.primary, &described.replicas),
        (
            described.options.clone(),
            PoolSettings::default()
                .with(&config.pool)
                .with(&described.pool),
        ),
        duplicates,
        report,
    );
    let location = found.location?;
    if let Some((container, own)) = &location.occupied {
        let owner = duplicates.database(&path, name);
        duplicates.name(container, own, owner);
    }
    let (primary, replicas) = found.endpoints?;
    described.health.check(&format!("{path}.health"), report);
    Some(Database {
        name: Arc::from(name),
        primary,
        replicas,
        health: HealthSettings::default()
            .with(&config.health)
            .with(&described.health),
    })
}

/// Reports a duplicate name. A file cannot have one, but code can.
fn check_unique<'a>(
    table: &str,
    what: &str,
    name: &'a str,
    names: &mut Vec<&'a str>,
    report: &mut Report,
) {
    if names.contains(&name) {
        report.add(
            format!("{table}.{name}"),
            format!("duplicate {what} `{name}`; give each a different name"),
        );
    }
    names.push(name);
}

/// Reports a name that would be invalid in a report, a file or a record.
fn check_label(path: &str, what: &str, name: &str, report: &mut Report) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        report.add(
            path,
            format!(
                "`{}` is not a valid name of a {what}; use 1 to 64 ASCII letters, digits, `_`, `.` \
                 and `-`",
                name.escape_debug()
            ),
        );
    }
}
