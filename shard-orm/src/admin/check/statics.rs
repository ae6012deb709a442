//! Checks of static tables: whether their copies are in step with their sources.

use super::CheckOptions;
use super::finding::{CheckReport, Severity};
use crate::admin::sync::copies_at;
use crate::setup::Presence;

/// Checks the copies on each server of a group.
pub(super) async fn check(presence: &Presence, options: CheckOptions, report: &mut CheckReport) {
    for handle in &presence.statics {
        let group = handle.namespace.group();
        let server = format!("{group}/{}", handle.server);
        let copies = match copies_at(handle).await {
            Ok(copies) => copies,
            Err(error) => {
                report.add(
                    Severity::Error,
                    "sync_unknown",
                    server,
                    format!("the progress of its static tables cannot be read: {error}"),
                    "see why the server does not answer, or the grants of the account",
                );
                continue;
            }
        };
        for copy in copies {
            let place = format!("{server}, static table {}", copy.table);
            if let Some(problem) = &copy.problem {
                report.add(
                    Severity::Error,
                    "sync_failed",
                    &*place,
                    format!("the last synchronization failed: {problem}"),
                    "remove the cause; a running supervisor tries again by itself",
                );
            }
            if copy.blocked > 0 {
                report.add(
                    Severity::Warning,
                    "sync_blocked",
                    &*place,
                    format!(
                        "{} rows that were deleted at the source stay here, since other rows refer \
                         to them",
                        copy.blocked
                    ),
                    "delete the rows that refer to them; the table `shard_orm_sync_blocked` names \
                     them",
                );
            }
            match copy.caught_up_ago {
                None if copy.problem.is_none() => report.add(
                    Severity::Warning,
                    "sync_never",
                    &*place,
                    "it has never caught up with its source",
                    "synchronize it with `StaticSync::of::<..>(&cluster).run()`, or with a \
                     supervisor",
                ),
                Some(ago) if ago > options.sync_age => report.add(
                    Severity::Warning,
                    "sync_old",
                    &*place,
                    format!(
                        "it last caught up with its source {} ago",
                        words(ago.as_secs())
                    ),
                    "check that a supervisor is running, or synchronize it with \
                     `StaticSync::of::<..>(&cluster).run()`",
                ),
                _ => {}
            }
        }
    }
}

/// A time in its two largest units.
fn words(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}
