//! What stands where: finds two things that would be kept in one place.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Report;

/// Every primary, replica and namespace of a configuration.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    /// The path of each primary, by its identity.
    primaries: BTreeMap<String, String>,
    replicas: Vec<(String, String)>,
    owners: Vec<Owner>,
    /// By container and lower-case name, as some servers fold case: who has it.
    names: BTreeMap<(String, String), Vec<usize>>,
}

#[derive(Debug)]
struct Owner {
    path: String,
    text: String,
    is_database: bool,
}

impl Duplicates {
    pub(super) fn primary(&mut self, identity: &str, path: &str) {
        self.primaries
            .entry(identity.to_owned())
            .or_insert_with(|| path.to_owned());
    }

    pub(super) fn replica(&mut self, identity: &str, path: &str) {
        self.replicas.push((identity.to_owned(), path.to_owned()));
    }

    /// A new owner of names: a named database.
    pub(super) fn database(&mut self, path: &str, name: &str) -> usize {
        self.owner(
            format!("{path}.primary"),
            format!("database `{name}`"),
            true,
        )
    }

    /// A new owner of names: the logical shards of a group.
    pub(super) fn namespaces(&mut self, path: &str, group: &str) -> usize {
        self.owner(
            format!("{path}.namespace"),
            format!("group `{group}`"),
            false,
        )
    }

    /// A new owner of names: the static tables of a group.
    pub(super) fn statics(&mut self, path: &str, group: &str) -> usize {
        let text = format!("the static tables of group `{group}`");
        self.owner(format!("{path}.namespace"), text, false)
    }

    fn owner(&mut self, path: String, text: String, is_database: bool) -> usize {
        self.owners.push(Owner {
            path,
            text,
            is_database,
        });
        self.owners.len() - 1
    }

    /// Notes that an owner has this name in this container.
    pub(super) fn name(&mut self, container: &str, name: &str, owner: usize) {
        let key = (container.to_owned(), name.to_ascii_lowercase());
        let owners = self.names.entry(key).or_default();
        if !owners.contains(&owner) {
            owners.push(owner);
        }
    }

    /// Reports each collision once for the two that collide, not once for each name.
    pub(super) fn check(&self, report: &mut Report) {
        for (identity, path) in &self.replicas {
            if let Some(primary) = self.primaries.get(identity) {
                report.add(
                    path,
                    format!("this replica is also the primary at {primary}; remove one of the two"),
                );
            }
        }
        let mut reported = BTreeSet::new();
        for ((container, name), owners) in &self.names {
            for (at, later) in owners.iter().enumerate() {
                for earlier in &owners[..at] {
                    if reported.insert((*earlier, *later)) {
                        self.collision(container, name, (*earlier, *later), report);
                    }
                }
            }
            let Some(base) = without_generation(name) else {
                continue;
            };
            let Some(bases) = self.names.get(&(container.clone(), base.to_owned())) else {
                continue;
            };
            for (one, other) in bases
                .iter()
                .flat_map(|one| owners.iter().map(move |o| (*one, *o)))
            {
                if reported.insert((one.min(other), one.max(other))) {
                    let Owner { path, text, .. } = &self.owners[other];
                    report.add(
                        path,
                        format!(
                            "{text} has the name `{name}`, which a later generation of `{base}` of \
                             {} would have; choose another `namespace` for one of them",
                            self.owners[one].text
                        ),
                    );
                }
            }
        }
    }

    fn collision(&self, place: &str, name: &str, pair: (usize, usize), report: &mut Report) {
        let (earlier, later) = (&self.owners[pair.0], &self.owners[pair.1]);
        if earlier.is_database && later.is_database {
            return;
        }
        // A database's name stands in its URL; the group's can be changed more easily.
        let (at, other) = if later.is_database {
            (earlier, later)
        } else {
            (later, earlier)
        };
        report.add(
            &at.path,
            format!(
                "the name `{name}` of {} is also one of {} on {place}; \
                 choose another `namespace` for one of them",
                at.text, other.text
            ),
        );
    }
}

/// The name under which `name` would be a later generation's.
fn without_generation(name: &str) -> Option<&str> {
    let (base, generation) = name.rsplit_once("_g")?;
    let digits = !generation.is_empty() && generation.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(base)
}
