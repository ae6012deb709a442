//! Monitors open connections, old transactions and stuck tasks during the soak.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::fixture::{CONNECTIONS, LIMIT, POOLS};
use crate::run::Run;

const PERIOD: Duration = Duration::from_millis(100);
/// The kernel lists connections while they come and go: one look can count one that closed and its successor.
const LOOKS: usize = 6;
/// `ESTABLISHED`, and `CLOSE_WAIT`: ended by the server, and still held.
const OPEN_STATES: [&str; 2] = ["01", "08"];

/// Looks on until the soak is over.
pub(crate) async fn monitor(run: Arc<Run>) {
    let most = u64::from(CONNECTIONS * POOLS);
    let mut direct = run.fixture.direct().await;
    let sessions = format!("SELECT COUNT(*) FROM ({}) AS s", run.fixture.sessions());
    let oldest = run.fixture.oldest_transaction();
    while run.pause(PERIOD).await {
        let open = (0..LOOKS)
            .map(|_| connections_to(run.fixture.ports()))
            .min()
            .unwrap_or(0);
        run.counts.most_open.fetch_max(open, Ordering::Relaxed);
        if open > most {
            run.fail(format_args!(
                "{open} connections are open, the pools have {most}"
            ));
        }
        // The server is still busy with sessions whose connection was dropped: only to be told.
        let seen = u64::try_from(direct.number(&sessions).await).unwrap();
        run.counts.most_sessions.fetch_max(seen, Ordering::Relaxed);
        let age = direct.number(&oldest).await;
        if age > i64::try_from(LIMIT.as_secs()).unwrap() {
            run.fail(format_args!("a transaction has been open for {age} s"));
        }
        let stuck = run.stuck(LIMIT);
        if !stuck.is_empty() {
            let activity = direct.texts(run.fixture.activity()).await;
            run.fail(format_args!("stuck: {stuck:#?}; the server: {activity:#?}"));
        }
    }
}

/// The connections of this machine to these ports of the loopback interface that a client still holds.
pub(crate) fn connections_to(ports: [u16; 2]) -> u64 {
    let ports = ports.map(|port| format!(":{port:04X}"));
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let open = table.lines().skip(1).filter(|line| {
        let mut fields = line.split_whitespace().skip(2);
        let (remote, state) = (fields.next(), fields.next());
        remote.is_some_and(|remote| ports.iter().any(|port| remote.ends_with(port)))
            && state.is_some_and(|state| OPEN_STATES.contains(&state))
    });
    open.count() as u64
}
