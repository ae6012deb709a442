//! Protects a group against a configuration that would look for rows on the wrong server.
//!
//! One per group, shared by its handles. Used when a namespace is first used, when one is missing,
//! and by `setup`.

mod survey;

use std::sync::{Arc, Mutex as Lock, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use self::survey::survey_server;
pub(crate) use self::survey::{Finding, Survey, SurveyedServer, comment};
use super::confirm::Authority;
use super::health::Health;
use super::record::{Record, STATICS, State};
use crate::backend::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::topology::Fingerprint;

/// How long a survey may be reused to explain missing namespaces. `setup` always makes a new one.
const FRESH: Duration = Duration::from_secs(2);

/// What the records of a group are compared with.
pub(crate) struct Guard {
    pub(crate) cluster: Arc<str>,
    pub(crate) group: Arc<str>,
    /// Of the topology in use.
    fingerprint: ArcSwap<Fingerprint>,
    /// The group id of the first record, and where it was read.
    id: Lock<Option<(String, String)>>,
    servers: ArcSwap<Vec<ServerAccess>>,
    /// Of a cluster with a catalog.
    authority: OnceLock<Arc<dyn Authority>>,
    /// The last survey; locked while one is running, so that many statements share it.
    last: Mutex<Option<(Instant, Arc<Survey>)>>,
}

/// How to connect to a server of the group, independent of its pools.
#[derive(Clone)]
pub(crate) struct ServerAccess {
    pub(crate) name: Arc<str>,
    /// The namespaces that the topology expects there, whatever their records say.
    pub(crate) namespaces: Vec<Arc<str>>,
    /// The connection settings and the name in messages of each endpoint; the configured primary's
    /// first.
    pub(crate) endpoints: Vec<(Session, String)>,
    /// The folder of the SQLite files.
    pub(crate) folder: Option<std::path::PathBuf>,
    pub(crate) connect_timeout: Duration,
    pub(crate) health: Arc<Health>,
}

impl Guard {
    pub(crate) fn new(cluster: Arc<str>, group: Arc<str>, fingerprint: Arc<Fingerprint>) -> Self {
        Self {
            cluster,
            group,
            fingerprint: ArcSwap::new(fingerprint),
            id: Lock::default(),
            servers: ArcSwap::default(),
            authority: OnceLock::new(),
            last: Mutex::default(),
        }
    }

    /// Sets what confirms the topology; only the first one counts, since all are of one cluster.
    pub(super) fn set_authority(&self, authority: &Arc<dyn Authority>) {
        self.authority.get_or_init(|| Arc::clone(authority));
    }

    pub(super) fn authority(&self) -> Option<&dyn Authority> {
        self.authority.get().map(|authority| &**authority)
    }

    /// The routing of the topology in use.
    pub(crate) fn fingerprint(&self) -> Arc<Fingerprint> {
        self.fingerprint.load_full()
    }

    /// Replaces the routing.
    pub(crate) fn set_fingerprint(&self, fingerprint: &Arc<Fingerprint>) {
        self.fingerprint.store(Arc::clone(fingerprint));
    }

    /// Replaces the servers.
    pub(crate) fn set_servers(&self, servers: Vec<ServerAccess>) {
        self.servers.store(Arc::new(servers));
    }

    /// Compares the group id in a record with the first one seen.
    ///
    /// # Errors
    /// `Configuration` if the two namespaces belong to different groups of the same name.
    pub(crate) fn check_id(&self, id: &str, namespace: &str, label: &str) -> Result<()> {
        // No code that can panic runs under the lock.
        let mut known = self.id.lock().unwrap_or_else(PoisonError::into_inner);
        let own = || (id.to_owned(), format!("namespace `{namespace}` on {label}"));
        let (first, first_place) = known.get_or_insert_with(own);
        if first == id {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "namespace `{namespace}` on {label} and {first_place} belong to two different groups, \
             both called `{}` in cluster `{}`; correct the URLs of the servers, or give one of the \
             two applications another cluster name",
            self.group, self.cluster
        )))
    }

    /// Forgets the group id, after the group has been set up anew.
    pub(crate) fn forget_id(&self) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Surveys all servers.
    pub(crate) async fn survey(&self) -> Survey {
        let servers = self.servers.load_full();
        let looks: Vec<_> = servers
            .iter()
            .map(|server| survey_server(self, server))
            .collect();
        Survey {
            servers: futures_util::future::join_all(looks).await,
        }
    }

    /// The last [`survey`](Self::survey) if it is recent, or a new one.
    async fn recent_survey(&self) -> Arc<Survey> {
        let mut last = self.last.lock().await;
        if let Some((made, survey)) = &*last
            && made.elapsed() < FRESH
        {
            return Arc::clone(survey);
        }
        let survey = Arc::new(self.survey().await);
        *last = Some((Instant::now(), Arc::clone(&survey)));
        survey
    }

    /// Checks a namespace whose record names another server than the topology: the server may have
    /// two names, may have been renamed, or the logical shard may exist on both.
    ///
    /// # Errors
    /// `Configuration` if it exists on both; the other server's error if it cannot be surveyed.
    pub(crate) async fn check_server(
        &self,
        own: &str,
        record: &Record,
        recorded: &str,
        namespace: &str,
    ) -> Result<()> {
        let survey = self.recent_survey().await;
        let find = |name: &str| survey.servers.iter().find(|one| &*one.server == name);
        let (Some(here), Some(there)) = (find(own), find(recorded)) else {
            // The server was renamed, or the namespace was moved here from a server that is no
            // longer configured.
            return Ok(());
        };
        let (here_is, there_is) = (here.outcome()?, there.outcome()?);
        if here_is.identity == there_is.identity {
            return Ok(());
        }
        let other = there_is.records.iter().find(|found| {
            found.record.state() == State::Active
                && found.record.shard == record.shard
                && found.record.group == record.group
                && found.record.cluster == record.cluster
        });
        let Some(other) = other else {
            return Ok(());
        };
        if record.shard == STATICS {
            return Err(Error::configuration(format!(
                "the record of namespace `{namespace}` on server `{own}` names server \
                 `{recorded}`, which has its own static tables: the URLs of the two servers may be \
                 swapped; correct them, or run `setup` if this is intended"
            )));
        }
        Err(Error::configuration(format!(
            "{record} exists twice: in namespace `{namespace}` on server `{own}`, whose record \
             names server `{recorded}`, and in namespace `{}` on {}; find out which of them has \
             the rows, and remove the other",
            other.namespace, there.label
        )))
    }

    /// The error for a namespace that does not exist or has no record: it names where the rows are,
    /// or says that the group was never set up.
    pub(crate) async fn missing(&self, shard: i64, namespace: &str, label: &str) -> Error {
        let survey = self.recent_survey().await;
        let error = |text: String| Error::new(ErrorKind::UndefinedTable, text);
        let is_own = |found: &&Finding| {
            found.record.group == *self.group && found.record.cluster == *self.cluster
        };
        if shard == STATICS {
            return error(format!(
                "namespace `{namespace}` on {label} does not exist, or has no record (table `{}`); \
                 create it and its static tables, for example with \
                 `cluster.setup().table::<Airline>()`",
                super::TABLE
            ));
        }
        let elsewhere: Vec<String> = survey
            .findings()
            .filter(|(_, found)| is_own(found) && found.record.shard == shard)
            .map(|(server, found)| format!("namespace `{}` on {}", found.namespace, server.label))
            .collect();
        let here = format!(
            "namespace `{namespace}` on {label} does not exist, or has no record (table `{}`)",
            super::TABLE
        );
        if !elsewhere.is_empty() {
            return error(format!(
                "{here}; the rows of logical shard {shard} are in {}: correct the servers or their \
                 `shards` in the configuration; `cluster.setup().check()` shows the correct lines",
                elsewhere.join(" and in ")
            ));
        }
        let silent: Vec<String> = survey
            .servers
            .iter()
            .filter(|server| server.outcome.is_err())
            .map(|server| format!("`{}`", server.server))
            .collect();
        let was_set_up = survey
            .findings()
            .any(|(_, found)| is_own(&found) && found.record.shard != STATICS);
        if was_set_up {
            return error(format!(
                "{here}, but group `{}` was set up before, and no server of the configuration that \
                 answers has its logical shard {shard}{}; bring back the server or namespace with \
                 its rows, or, if they are lost, create it empty with \
                 `cluster.setup().create_missing(\"{0}\", [{shard}])`",
                self.group,
                if silent.is_empty() {
                    String::new()
                } else {
                    format!(" (no answer from {})", silent.join(", "))
                },
            ));
        }
        if !silent.is_empty() {
            return error(format!(
                "{here}, and it is unknown if group `{}` was ever set up, because {} did not \
                 answer; try again when all servers answer",
                self.group,
                silent.join(", ")
            ));
        }
        error(format!(
            "{here}: group `{}` was never set up; create its namespaces and tables with \
             `cluster.setup()`",
            self.group
        ))
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
