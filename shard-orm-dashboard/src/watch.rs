//! The calls of each group over the last 15 minutes, for the charts of the page of traffic.
//!
//! A sample is taken every ten seconds from the first time that somebody looks until nobody has for 15 minutes: as long as
//! a chart is. Memory is bounded by the number of samples and groups.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use shard_orm::statistics::{GroupStatistics, Statistics};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::App;
use crate::calls::Calls;

/// The time that charts show.
pub(crate) const OVER: Duration = Duration::from_mins(15);
/// The time between two samples.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// The most samples, and the most groups of each.
const SAMPLES: usize = 91;
const GROUPS: usize = 32;

/// The samples, and the task that takes them.
#[derive(Default)]
pub(crate) struct Watch(Mutex<State>);

#[derive(Default)]
struct State {
    samples: VecDeque<Taken>,
    /// Whether the samples are of all processes.
    are_of_fleet: bool,
    /// When somebody looked last.
    looked: Option<Instant>,
    task: Option<JoinHandle<()>>,
}

/// The calls of all groups at one time.
#[derive(Debug, Clone)]
struct Taken {
    at: Instant,
    groups: Vec<GroupSample>,
}

/// The calls to a group within the minute before a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GroupSample {
    pub(crate) group: String,
    pub(crate) calls_per_second: f64,
    pub(crate) errors_per_second: f64,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
}

/// The samples of one group, the oldest first, each with how long ago it was taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GroupCourse {
    pub(crate) group: String,
    pub(crate) samples: Vec<(Duration, GroupSample)>,
}

impl Watch {
    /// The samples by group, for somebody who looks: from now on they are taken.
    pub(crate) async fn look(app: &Arc<App>) -> Vec<GroupCourse> {
        let watch = &app.readings.watch;
        let is_empty = {
            let mut state = watch.lock();
            state.looked = Some(Instant::now());
            if state.task.as_ref().is_none_or(JoinHandle::is_finished) {
                let app = Arc::downgrade(app);
                state.task = Some(tokio::spawn(take_all(app)));
            }
            state.samples.is_empty()
        };
        if is_empty {
            take(app).await;
        }
        watch.courses(Instant::now())
    }

    /// Adds a sample. Those of one process are not in one chart with those of all.
    fn add(&self, at: Instant, statistics: &Statistics, are_of_fleet: bool) {
        let mut state = self.lock();
        if state.are_of_fleet != are_of_fleet {
            state.samples.clear();
            state.are_of_fleet = are_of_fleet;
        }
        // The first viewer and the task may take one at the same time.
        let is_new = |last: &Taken| at.duration_since(last.at) >= EVERY / 2;
        if !state.samples.back().is_none_or(is_new) {
            return;
        }
        let groups = statistics.groups.iter().take(GROUPS);
        state.samples.push_back(Taken {
            at,
            groups: groups.map(GroupSample::from).collect(),
        });
        while state.samples.len() > SAMPLES {
            state.samples.pop_front();
        }
    }

    /// By group, in the order of the last sample.
    fn courses(&self, now: Instant) -> Vec<GroupCourse> {
        let state = self.lock();
        let last = state.samples.back();
        let groups = last.into_iter().flat_map(|last| &last.groups);
        let course = |group: &GroupSample| {
            let of_group = |taken: &Taken| {
                let ago = now.duration_since(taken.at);
                let mut groups = taken.groups.iter();
                let own = groups.find(|own| own.group == group.group)?;
                (ago <= OVER).then(|| (ago, own.clone()))
            };
            GroupCourse {
                group: group.group.clone(),
                samples: state.samples.iter().filter_map(of_group).collect(),
            }
        };
        groups.map(course).collect()
    }

    /// Whether nobody has looked for as long as a chart is.
    fn is_idle(&self) -> bool {
        let looked = self.lock().looked;
        looked.is_none_or(|looked| looked.elapsed() > OVER)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes samples while somebody looks. Does not keep the cluster open.
async fn take_all(app: Weak<App>) {
    loop {
        let Some(app) = app.upgrade() else { return };
        if app.readings.watch.is_idle() {
            return;
        }
        take(&app).await;
        drop(app);
        tokio::time::sleep(EVERY).await;
    }
}

/// Takes a sample, unless what processes have published cannot be read any more.
async fn take(app: &App) {
    let fleet = app.readings.fleet.get().await;
    // What was read before is no sample of now.
    if fleet.failure.is_some() && fleet.value.is_some() {
        return;
    }
    let calls = Calls::new(&app.readings.cluster, &fleet);
    let watch = &app.readings.watch;
    watch.add(Instant::now(), &calls.statistics, calls.are_of_fleet);
}

impl From<&GroupStatistics> for GroupSample {
    fn from(group: &GroupStatistics) -> Self {
        let window = &group.windows.one;
        Self {
            group: group.group.clone(),
            calls_per_second: window.calls_per_second(),
            errors_per_second: window.errors_per_second(),
            p50: window.p50,
            p99: window.p99,
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shard_orm::config::{Config, Group, Server};
    use shard_orm::prelude::*;

    use super::*;
    use crate::Options;
    use crate::readings::Readings;

    /// The page of a cluster that was not set up.
    async fn app() -> (Arc<App>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/a", folder.path().display());
        let group = Group::new(4).server(Server::new("a", url));
        let config = Config::new("test").group("shop", group);
        let cluster = Cluster::connect(&config).await.unwrap();
        let options = Options::new();
        let app = App {
            readings: Readings::new(&cluster, &options),
            options,
        };
        (Arc::new(app), folder)
    }

    #[tokio::test]
    async fn samples_are_bounded_and_as_old_as_a_chart() {
        let (app, _folder) = app().await;
        let (watch, begun) = (&app.readings.watch, Instant::now());
        let statistics = app.readings.cluster.statistics();
        let at = |number: u32| begun + EVERY * number;
        for number in 0..1_000 {
            watch.add(at(number), &statistics, false);
            watch.add(at(number), &statistics, false);
        }
        assert_eq!(watch.lock().samples.len(), SAMPLES);
        let courses = watch.courses(at(1_000));
        let [course] = &courses[..] else {
            panic!("{courses:?}");
        };
        assert_eq!((&*course.group, course.samples.len()), ("shop", 90));
        assert_eq!(course.samples[0].0, OVER);
        assert_eq!(watch.courses(at(1_000) + OVER)[0].samples, []);
        watch.add(at(1_000), &statistics, true);
        assert_eq!(watch.lock().samples.len(), 1);
    }

    #[tokio::test]
    async fn nothing_is_taken_before_somebody_looks() {
        let (app, _folder) = app().await;
        assert!(app.readings.watch.lock().task.is_none());
        let courses = Watch::look(&app).await;
        assert_eq!(courses[0].samples.len(), 1);
        let state = app.readings.watch.lock();
        assert!(!state.task.as_ref().unwrap().is_finished());
    }

    #[tokio::test]
    async fn the_task_ends_with_the_page() {
        let (app, _folder) = app().await;
        Watch::look(&app).await;
        let task = app.readings.watch.lock().task.take().unwrap();
        drop(app);
        tokio::time::pause();
        task.await.unwrap();
    }
}
