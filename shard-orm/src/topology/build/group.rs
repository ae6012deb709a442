//! Builds a shard group: its name, servers, namespaces and placements.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check_label;
use super::duplicates::Duplicates;
use super::endpoints::{Level, endpoints};
use super::ids::find_by_id;
use super::runs::servers_of_shards;
use super::strategy::router;
use crate::config::{self, Config, HealthSettings, Location, PoolSettings, Report, ServerState};
use crate::dialect::Dialect;
use crate::route::MAX_LOGICAL_SHARDS;
use crate::topology::template::{Template, check_length, check_name};
use crate::topology::{Fingerprint, Group, Namespace, Placement, Server};

/// The group, or `None` if a problem in it was reported.
pub(super) fn group(
    config: &Config,
    name: &str,
    described: &config::Group,
    duplicates: &mut Duplicates,
    report: &mut Report,
) -> Option<Group> {
    let path = format!("groups.{name}");
    let count = format!("{path}.logical_shards");
    if !report.has(&count) && !(1..=MAX_LOGICAL_SHARDS).contains(&described.logical_shards) {
        report.add(
            &count,
            format!(
                "`logical_shards` is {}; use 1 to {MAX_LOGICAL_SHARDS}",
                described.logical_shards
            ),
        );
    }
    let default = format!("{name}_static");
    let static_namespace = described.static_namespace.clone().unwrap_or(default);
    let servers = servers(config, &path, described, duplicates, report);
    let dialects = servers.dialects();
    let shortest = dialects
        .iter()
        .copied()
        .min_by_key(|dialect| dialect.capability().name_bytes);
    let fits = check_length(&static_namespace, shortest);
    if described.static_namespace.is_none() {
        if let Err(reason) = check_name(name).and(fits) {
            report.add(&path, format!("not a valid name of a group: {reason}"));
        }
    } else {
        if let Err(reason) = check_name(name) {
            report.add(&path, format!("not a valid name of a group: {reason}"));
        }
        if let Err(reason) = check_name(&static_namespace).and(fits) {
            report.add(format!("{path}.static_namespace"), reason);
        }
    }
    for dialect in &dialects {
        let at = format!("{path}.options");
        described.options.check(Some(*dialect), &at, report);
    }
    if dialects.is_empty() {
        let at = format!("{path}.options");
        described.options.check(None, &at, report);
    }
    described.pool.check(&format!("{path}.pool"), report);
    described.health.check(&format!("{path}.health"), report);
    if report.has(&count) {
        return None;
    }
    let template = template(&path, name, described, shortest, report);
    let router = router(&path, described, template.as_ref(), report);
    if described.find_by_id {
        find_by_id(&path, router.as_ref(), report);
    }
    let homes = if described.servers.is_empty() {
        if !report.has(&format!("{path}.servers")) {
            report.add(
                format!("{path}.servers"),
                "the group has no server; add one",
            );
        }
        None
    } else {
        servers_of_shards(&path, described, router.as_ref(), report)
    };
    let (template, homes) = (template?, homes?);

    // The names of unused shards are reserved, too: a merged one may still have its namespace.
    let owner = duplicates.namespaces(&path, name);
    for (shard, server) in (0_u32..).zip(&homes) {
        if let Some(location) = server.and_then(|server| servers.locations[server].as_ref()) {
            duplicates.name(&location.container, &template.name(shard), owner);
        }
    }
    let owner = duplicates.statics(&path, name);
    let is_used = |at: usize| described.servers[at].state != ServerState::Inactive;
    for (at, location) in servers.locations.iter().enumerate() {
        if let Some(location) = location.as_ref().filter(|_| is_used(at)) {
            duplicates.name(&location.container, &static_namespace, owner);
        }
    }
    let generations = generations(&path, described, report);

    let (dialect, group) = (dialects.first().copied()?, Arc::<str>::from(name));
    let static_namespace = Arc::<str>::from(static_namespace);
    let router = router?;
    let mut placements = vec![None; homes.len()];
    let mut keys = router.owned_keys();
    for shard in router.used_shards() {
        let at = shard as usize;
        let home = homes[at].and_then(|server| Some((server, servers.dialect_of(server)?)));
        let Some((server, dialect)) = home else {
            continue;
        };
        let namespace = Namespace::new(
            Arc::clone(&group),
            shard,
            &template.name(shard),
            generations.get(&shard).copied().unwrap_or(1),
            keys.remove(&shard).unwrap_or_default(),
            Arc::clone(&static_namespace),
            dialect,
        );
        placements[at] = Some(Placement {
            server: (0..server).filter(|at| is_used(*at)).count(),
            namespace: Arc::new(namespace),
        });
    }
    let fingerprint = Fingerprint::new(&described.strategy, &template.name(0), &router)
        .with_former(&described.former_routings);
    Some(Group {
        name: group,
        static_namespace,
        router,
        #[cfg(feature = "reshard")]
        strategy: described.strategy.clone(),
        fingerprint: Arc::new(fingerprint),
        servers: (servers.all?.into_iter().enumerate())
            .filter_map(|(at, server)| is_used(at).then_some(server))
            .collect(),
        placements,
        read: described.read,
        dialect,
    })
}

/// The generations of the logical shards that are not in their first one.
fn generations(path: &str, group: &config::Group, report: &mut Report) -> BTreeMap<u32, u32> {
    let mut generations = BTreeMap::new();
    for (shard, generation) in &group.generations {
        let at = format!("{path}.generations.{shard}");
        if *shard >= group.logical_shards {
            report.add(
                &at,
                format!(
                    "shard {shard} exceeds the last logical shard, {}",
                    group.logical_shards - 1
                ),
            );
        }
        if *generation == 0 {
            report.add(&at, "the generation is 0; the first one is 1");
        }
        if generations.insert(*shard, *generation).is_some() {
            report.add(
                &at,
                format!("duplicate generation of shard {shard}; remove one"),
            );
        }
    }
    generations
}

fn template(
    path: &str,
    name: &str,
    described: &config::Group,
    dialect: Option<Dialect>,
    report: &mut Report,
) -> Option<Template> {
    let at = format!("{path}.namespace");
    if report.has(&at) {
        return None;
    }
    let default = format!("{name}_{{shard}}");
    let text = described.namespace.as_deref().unwrap_or(&default);
    match Template::new(text, described.logical_shards, dialect) {
        Ok(template) => Some(template),
        // The default template contains the group's name, whose problem is reported separately.
        Err(_) if described.namespace.is_none() && check_name(name).is_err() => None,
        Err(reason) => {
            report.add(at, reason);
            None
        }
    }
}

/// The valid servers.
struct Servers {
    /// The location of each primary.
    locations: Vec<Option<Location>>,
    all: Option<Vec<Server>>,
}

impl Servers {
    /// The dialect of the server at a position.
    fn dialect_of(&self, server: usize) -> Option<Dialect> {
        let location = self.locations.get(server)?.as_ref();
        location.map(|location| location.dialect)
    }

    /// The dialects of all servers, each once.
    fn dialects(&self) -> Vec<Dialect> {
        let mut dialects = Vec::new();
        for location in self.locations.iter().flatten() {
            if !dialects.contains(&location.dialect) {
                dialects.push(location.dialect);
            }
        }
        dialects
    }
}

fn servers(
    config: &Config,
    path: &str,
    described: &config::Group,
    duplicates: &mut Duplicates,
    report: &mut Report,
) -> Servers {
    let mut names = Vec::new();
    let mut locations: Vec<Option<Location>> = Vec::new();
    let mut all = Some(Vec::new());
    for (at, server) in described.servers.iter().enumerate() {
        let own = format!("{path}.servers[{at}]");
        let at_name = format!("{own}.name");
        if !report.has(&at_name) {
            check_label(&at_name, "server", &server.name, report);
            if names.contains(&&*server.name) {
                report.add(
                    &at_name,
                    format!(
                        "duplicate server `{}` in the group; give each a different name",
                        server.name
                    ),
                );
            }
            names.push(&server.name);
        }
        let level = Level {
            path: &own,
            options: &server.options,
            pool: &server.pool,
        };
        let in_force = (
            server.options.over(&described.options),
            PoolSettings::default()
                .with(&config.pool)
                .with(&described.pool)
                .with(&server.pool),
        );
        let found = endpoints(
            &level,
            (&server.primary, &server.replicas),
            in_force,
            duplicates,
            report,
        );
        locations.push(found.location);
        let made = found.endpoints.map(|(primary, replicas)| Server {
            name: Arc::from(&*server.name),
            primary,
            replicas,
            health: HealthSettings::default()
                .with(&config.health)
                .with(&described.health),
        });
        match (made, &mut all) {
            (Some(server), Some(all)) => all.push(server),
            _ => all = None,
        }
    }
    Servers { locations, all }
}
