//! Rebuilds a catalog from the records of the namespaces.
//!
//! Called by operators whose catalog is lost, and who have no copy of its last topology.

use std::collections::BTreeMap;

use super::Catalog;
use crate::catalog::{Document, Proposal, Revision, Store};
use crate::cluster::Cluster;
use crate::config::Runs;
use crate::connect::SurveyedServer;
use crate::error::{Error, ErrorKind, Result};
use crate::topology::Group;

/// Where the logical shards of a group were found.
#[derive(Default)]
struct Found {
    /// The server and namespace of each active namespace, by logical shard.
    places: BTreeMap<u32, Vec<(String, String)>>,
    generations: BTreeMap<u32, u32>,
}

impl Catalog {
    /// Rebuilds an empty catalog: reads the record of every namespace on every server of a
    /// configuration file, and stores the topology with each logical shard where it was found.
    ///
    /// `epoch` is the number of the new topology. Choose one above the highest epoch that any process
    /// uses, as its local copy says, so that running processes follow.
    ///
    /// What is not in the records is taken from the file: weights, states, replicas and options.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) with all contradictions: a logical shard that is
    /// missing, that was found twice, or under another name than its generation has; servers that
    /// cannot be read; namespaces of two groups of the same name. [`Conflict`](ErrorKind::Conflict) if
    /// the catalog is not empty.
    pub async fn rebuild(&self, configuration: &str, epoch: u64) -> Result<Revision> {
        let mut document = Document::of_configuration(configuration)?;
        let own = self.follower()?.config();
        let mut config = own.with_document(&document.to_string())?;
        config.catalog = None;
        let cluster = Cluster::connect(&config).await?;
        let mut problems = Vec::new();
        for group in cluster.topology().groups() {
            let found = found(&cluster, group, &mut problems).await?;
            let server = |places: &Vec<(String, String)>| Some(places.first()?.0.clone());
            let servers = found.places.iter();
            let servers = servers.filter_map(|(shard, places)| Some((*shard, server(places)?)));
            document.set_shards(group.name(), &servers.collect())?;
            document.set_generations(group.name(), &found.generations)?;
        }
        cluster.close().await;
        if !problems.is_empty() {
            return Err(Error::configuration(format!(
                "the catalog cannot be rebuilt from the namespaces:\n  - {}",
                problems.join("\n  - ")
            )));
        }
        let document = document.to_string();
        self.check(None, &document)?;
        let handle = self.handle()?;
        let store = Store::new(&handle);
        store.create_tables().await?;
        if let Some(newest) = store.current().await? {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the catalog holds epoch {}; only an empty one is rebuilt",
                    newest.epoch
                ),
            ));
        }
        let comment = "rebuilt from the records of the namespaces";
        let proposal = Proposal::new(document, &self.operator, comment);
        let revision = store
            .append_as(None, epoch.max(1), &proposal, "catalog")
            .await?;
        self.use_it().await;
        Ok(revision)
    }
}

/// Reads the records of a group, and compares them with each other.
async fn found(cluster: &Cluster, group: &Group, problems: &mut Vec<String>) -> Result<Found> {
    let name = group.name();
    let survey = cluster.guard_of_group(name)?.survey().await;
    for server in &survey.servers {
        if let Err(error) = server.outcome() {
            problems.push(format!("group `{name}`: {}", error.message()));
        }
    }
    let mut found = Found::default();
    let mut ids = BTreeMap::new();
    for (server, one) in survey.findings() {
        let record = &one.record;
        let is_own = record.group == name && *record.cluster == *cluster.topology().name();
        let (true, Ok(shard)) = (is_own, u32::try_from(record.shard)) else {
            continue;
        };
        // One server may have two names in the file: the record says which one is meant.
        let recorded = record.layout.as_ref().map(|layout| &*layout.server);
        let is_it = |other: &&SurveyedServer| {
            Some(&*other.server) == recorded && other.identity() == server.identity()
        };
        let server = survey.servers.iter().find(is_it).unwrap_or(server);
        let place = (server.server.to_string(), one.namespace.clone());
        if let Some(layout) = &record.layout {
            ids.entry(layout.group_id.clone()).or_insert(place.clone());
        }
        found.places.entry(shard).or_default().push(place);
        let generation = u32::try_from(record.generation).unwrap_or(0);
        found.generations.insert(shard, generation);
    }
    if ids.len() > 1 {
        let places = ids
            .values()
            .map(described)
            .collect::<Vec<_>>()
            .join(" and ");
        problems.push(format!(
            "group `{name}`: the namespaces {places} belong to two groups of the same name; correct the \
             URLs of the servers"
        ));
    }
    let missing = group
        .shards()
        .filter(|shard| !found.places.contains_key(shard));
    let missing = Runs::of(missing);
    if missing.texts().next().is_some() {
        problems.push(format!(
            "group `{name}`: {} has no active namespace on any server; add its server to the file",
            missing.in_words()
        ));
    }
    for (shard, places) in &found.places {
        if *shard >= group.logical_shards() {
            problems.push(format!(
                "group `{name}`: {} is shard {shard}, and the file has {} logical shards; correct \
                 `logical_shards`",
                described(&places[0]),
                group.logical_shards()
            ));
        } else if group.placement(*shard).is_none() {
            problems.push(format!(
                "group `{name}`: {} is shard {shard}, to which the file routes no key; correct its \
                 `strategy`",
                described(&places[0]),
            ));
        }
        if places.len() > 1 {
            let places = places
                .iter()
                .map(described)
                .collect::<Vec<_>>()
                .join(" and ");
            problems.push(format!(
                "group `{name}`: shard {shard} was found twice, in {places}; find out which of them has \
                 the rows, and remove the other"
            ));
        }
    }
    Ok(found)
}

fn described((server, namespace): &(String, String)) -> String {
    format!("namespace `{namespace}` on server `{server}`")
}
