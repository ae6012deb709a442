//! The assignment of logical shards to the servers of a group.

use std::ops::Range;

use crate::config::{Group, Report, Runs, ServerState};
use crate::route::Router;
use crate::topology::assign::{self, Fault};

/// The position of each logical shard's server, or `None` if a problem was reported. Without a
/// router, every shard counts as used; an unused one needs no server.
pub(super) fn servers_of_shards(
    path: &str,
    group: &Group,
    router: Option<&Router>,
    report: &mut Report,
) -> Option<Vec<Option<usize>>> {
    let shards = group.logical_shards;
    let used = router.map_or_else(|| (0..shards).collect(), Router::used_shards);
    let explicit = group.servers.iter().any(|server| server.runs.is_some());
    let runs: Vec<(usize, Range<u32>)> = if explicit {
        explicit_runs(path, group, &used, report)?
    } else {
        weighted_runs(path, group, report)?
    };
    let mut servers = vec![None; shards as usize];
    for (server, run) in runs {
        for shard in run {
            servers[shard as usize] = Some(server);
        }
    }
    Some(servers)
}

fn weighted_runs(
    path: &str,
    group: &Group,
    report: &mut Report,
) -> Option<Vec<(usize, Range<u32>)>> {
    let unread = |at: usize| {
        report.has(&format!("{path}.servers[{at}].weight"))
            || report.has(&format!("{path}.servers[{at}].shards"))
    };
    if (0..group.servers.len()).any(unread) {
        return None;
    }
    let weights: Vec<u32> = group
        .servers
        .iter()
        .map(|server| match server.state {
            ServerState::Inactive => 0,
            _ => server.weight.unwrap_or(1),
        })
        .collect();
    if weights.iter().all(|weight| *weight == 0) {
        report.add(
            format!("{path}.servers"),
            "all weights are 0, so no server gets a logical shard; raise at least one",
        );
        return None;
    }
    let runs = assign::by_weight(group.logical_shards, &weights);
    let mut all_right = true;
    for (at, run) in runs.iter().enumerate() {
        if run.is_empty() && weights[at] > 0 {
            all_right = false;
            report.add(
                format!("{path}.servers[{at}].weight"),
                format!(
                    "with {} logical shards, this server gets none by its weight of {}; raise \
                     `logical_shards` or the weight, or set the weight to 0",
                    group.logical_shards, weights[at]
                ),
            );
        }
    }
    all_right.then(|| runs.into_iter().enumerate().collect())
}

fn explicit_runs(
    path: &str,
    group: &Group,
    used: &[u32],
    report: &mut Report,
) -> Option<Vec<(usize, Range<u32>)>> {
    let mut runs = Vec::new();
    let mut all_right = true;
    for (at, server) in group.servers.iter().enumerate() {
        let own = format!("{path}.servers[{at}].shards");
        if report.has(&own) {
            all_right = false;
            continue;
        }
        let Some(listed) = &server.runs else {
            if server.weight != Some(0) && server.state != ServerState::Inactive {
                all_right = false;
                report.add(
                    &own,
                    "other servers of the group list their shards; list those of this server too, \
                     or write `shards = []` for none",
                );
            }
            continue;
        };
        if server.state == ServerState::Inactive && !listed.is_empty() {
            all_right = false;
            report.add(
                &own,
                "the server is inactive, so it can have no shards; activate it, or list them at \
                 another server",
            );
        }
        runs.extend(listed.iter().map(|run| (at, run.clone())));
    }
    if !all_right {
        return None;
    }
    let bare: Vec<Range<u32>> = runs.iter().map(|(_, run)| run.clone()).collect();
    let last = group.logical_shards - 1;
    let name = |at: usize| &group.servers[runs[at].0].name;
    let mut faults = assign::faults(group.logical_shards, &bare);
    faults = faults
        .into_iter()
        .flat_map(|fault| of_used(fault, used))
        .collect();
    for fault in &faults {
        let own = |at: usize| format!("{path}.servers[{}].shards", runs[at].0);
        match fault {
            Fault::Empty(at) => report.add(
                own(*at),
                format!(
                    "the run {:?} is empty; the first shard is included, the last excluded",
                    bare[*at]
                ),
            ),
            Fault::Beyond(at) => report.add(
                own(*at),
                format!(
                    "the run {:?} exceeds the last logical shard, {last}",
                    bare[*at]
                ),
            ),
            Fault::Overlap(one, at) => report.add(
                own(*at),
                format!(
                    "the run {:?} overlaps {:?} of server `{}`; give each shard to one server",
                    bare[*at],
                    bare[*one],
                    name(*one)
                ),
            ),
            Fault::Missing(run) => report.add(
                format!("{path}.servers"),
                format!("no server has the shards {run:?}; assign them to one"),
            ),
        }
    }
    faults.is_empty().then_some(runs)
}

/// The fault, of shards in use: an unused one is not missing.
fn of_used(fault: Fault, used: &[u32]) -> Vec<Fault> {
    let Fault::Missing(missing) = fault else {
        return vec![fault];
    };
    let used = used.iter().copied().filter(|shard| missing.contains(shard));
    let runs = Runs::of(used).into_ranges();
    runs.into_iter().map(Fault::Missing).collect()
}
