//! Finds duplicates: two parts of a configuration that would share one database or name.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Report;

/// Every primary, replica and namespace of a configuration.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    /// The path of each primary, by identity.
    primaries: BTreeMap<String, String>,
    replicas: Vec<(String, String)>,
    owners: Vec<Owner>,
    /// The owners of each container and name; in lower case, since some servers fold case.
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

    /// Adds an owner of names: a named database.
    pub(super) fn database(&mut self, path: &str, name: &str) -> usize {
        self.owner(
            format!("{path}.primary"),
            format!("database `{name}`"),
            true,
        )
    }

    /// Adds an owner of names: the logical shards of a group.
    pub(super) fn namespaces(&mut self, path: &str, group: &str) -> usize {
        self.owner(
            format!("{path}.namespace"),
            format!("group `{group}`"),
            false,
        )
    }

    /// Adds an owner of names: the static tables of a group.
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

    /// Adds the name of an owner in this container.
    pub(super) fn name(&mut self, container: &str, name: &str, owner: usize) {
        let key = (container.to_owned(), name.to_ascii_lowercase());
        let owners = self.names.entry(key).or_default();
        if !owners.contains(&owner) {
            owners.push(owner);
        }
    }

    /// Reports each pair that collides once, not once per name.
    pub(super) fn check(&self, report: &mut Report) {
        for (identity, path) in &self.replicas {
            if let Some(primary) = self.primaries.get(identity) {
                report.add(
                    path,
                    format!("this replica is also the primary at {primary}; remove one of them"),
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
                            "{text} has the name `{name}`, which is reserved for a later \
                             generation of `{base}` of {}; choose another `namespace` for one of \
                             them",
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
        // A database's name is fixed by its URL; a group's is easier to change.
        let (at, other) = if later.is_database {
            (earlier, later)
        } else {
            (later, earlier)
        };
        report.add(
            &at.path,
            format!(
                "duplicate name: `{name}` of {} is also a name of {} on {place}; choose another \
                 `namespace` for one of them",
                at.text, other.text
            ),
        );
    }
}

/// The name whose later generation would have the name `name`.
fn without_generation(name: &str) -> Option<&str> {
    let (base, generation) = name.rsplit_once("_g")?;
    let digits = !generation.is_empty() && generation.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(base)
}
