//! A replica takes over, and comes back as the other one's replica: roles and lag on the screen are those of the servers.

use std::time::Duration;

use serde_json::Value;
use shard_orm::config::{Config, Group, HealthOptions, Server, StrategyConfig};
use shard_orm::prelude::*;
use shard_orm_dashboard::Options;
use shard_orm_tests::servers::{Node, Rights};
use shard_orm_tests::waiting::eventually;

use crate::chromium::Chromium;
use crate::support::Served;
use crate::tab::Tab;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 255)]
    text: String,
}

/// What the check says of a replica that does not apply what it receives.
const STOPPED: &str = "it does not apply the changes that it receives";

/// An endpoint on the screen.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
struct Endpoint {
    role: String,
    label: String,
    lag: String,
    problem: String,
}

/// The endpoints of the server, in the order of the configuration.
async fn endpoints(tab: &Tab) -> Vec<Endpoint> {
    let script = "[...document.querySelectorAll('#group-1 .endpoints li')].map((one) => {
        const facts = [...one.querySelectorAll('.facts div')];
        const lag = facts.find((fact) => fact.querySelector('dt').textContent === 'Lag');
        return {
          role: one.querySelector('strong').textContent,
          label: one.querySelector('code').textContent,
          lag: lag?.querySelector('dd').textContent ?? '',
          problem: one.querySelector('.notice')?.textContent ?? '',
        };
      })";
    serde_json::from_value(tab.value(script).await).unwrap()
}

/// The port in an address.
fn port(address: &str) -> u16 {
    let authority = address.split("://").last().unwrap();
    let authority = authority.rsplit('@').next().unwrap();
    let host = authority.split(['/', '?']).next().unwrap();
    host.rsplit(':').next().unwrap().parse().unwrap()
}

/// Whether a server refuses writes, as it says itself.
async fn is_replica(node: &Node) -> bool {
    let sql = match node {
        Node::Postgres(_) => "SELECT pg_is_in_recovery()::int::int8",
        Node::MariaDb(_) => "SELECT CAST(@@global.read_only AS SIGNED)",
    };
    node.number(sql).await.unwrap() == 1
}

/// The endpoints on the screen have the ports and roles of these servers.
async fn have_roles_of(tab: &Tab, nodes: &[&Node]) -> bool {
    let seen = endpoints(tab).await;
    assert_eq!(seen.len(), nodes.len(), "{seen:?}");
    for (endpoint, node) in seen.iter().zip(nodes) {
        assert_eq!(port(&endpoint.label), port(node.url()), "{endpoint:?}");
        let role = match is_replica(node).await {
            true => "replica",
            false => "primary",
        };
        if endpoint.role != role {
            return false;
        }
    }
    true
}

/// How far a replica is behind in bytes of the log, as both servers of PostgreSQL say.
async fn bytes_behind(primary: &Node, replica: &Node) -> i64 {
    let written = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8";
    let replayed = "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::int8";
    primary.number(written).await.unwrap() - replica.number(replayed).await.unwrap()
}

/// The bytes of a text such as `0.0 ms, 1.5 KiB`, and by how many the text is rounded.
fn bytes_of(lag: &str) -> Option<(f64, f64)> {
    let (number, unit) = lag.rsplit(", ").next()?.split_once(' ')?;
    let unit = match unit {
        "B" => 1.0,
        "KiB" => 1_024.0,
        "MiB" => 1_024.0 * 1_024.0,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * unit, unit / 10.0))
}

async fn roles_and_lag_are_those_of_the_servers(dialect: Dialect) {
    let mut old = Node::start_primary(dialect).await.unwrap();
    let mut new = Node::start_replica(&old).await.unwrap();
    let url = |node: &Node| node.url_of(Rights::Monitor);
    let health = HealthOptions::new()
        .probe_interval(Duration::from_millis(50))
        .probe_timeout(Duration::from_secs(5));
    let group = Group::new(4)
        .strategy(StrategyConfig::Modulo)
        .health(health)
        .server(Server::new("a", url(&old)).replica(url(&new)));
    let cluster = Cluster::connect(&Config::new("shop").group("shop", group))
        .await
        .unwrap();
    cluster.setup().table::<Note>().run().await.unwrap();
    let write = async |id: i64| {
        let text = "x".repeat(200);
        let note = Note {
            id,
            user_id: id,
            text,
        };
        note.insert(&cluster).await
    };
    write(1).await.unwrap();
    new.has_all_of(&old).await.unwrap();

    let served = Served::start(&cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;
    tab.open(&served.url("/")).await;
    tab.value("window.isTheSame = true").await;
    let name = match dialect {
        Dialect::Postgres => "postgres",
        _ => "mariadb",
    };
    eventually("a primary and a replica", async || {
        have_roles_of(&tab, &[&old, &new]).await
    })
    .await;

    new.pause_replay().await.unwrap();
    for id in 2..40 {
        write(id).await.unwrap();
    }
    eventually("the replica is seen behind", async || {
        let replica = endpoints(&tab).await.remove(1);
        let attention = tab.texts("#attention .items").await.concat();
        if !attention.contains(STOPPED) {
            return false;
        }
        if dialect != Dialect::Postgres {
            // The server knows no lag of a replica whose thread is stopped.
            return replica.lag.is_empty();
        }
        let Some((seen, rounded)) = bytes_of(&replica.lag) else {
            return false;
        };
        let behind = u32::try_from(bytes_behind(&old, &new).await).map(f64::from);
        let difference = behind.unwrap() - seen;
        seen > 200.0 && (0.0..=rounded).contains(&difference)
    })
    .await;
    tab.picture(&format!("failover-lag-{name}")).await;
    new.resume_replay().await.unwrap();
    new.has_all_of(&old).await.unwrap();
    eventually("the replica is seen to follow", async || {
        let replica = endpoints(&tab).await.remove(1);
        let is_level = match dialect {
            Dialect::Postgres => replica.lag.ends_with("0 B"),
            _ => replica.lag == "0.0 ms",
        };
        is_level && replica.problem.is_empty()
    })
    .await;

    // Nobody takes writes between the two.
    old.stop().await.unwrap();
    tab.until("document.querySelector('#group-1 .card .badge').textContent !== 'reads and writes'")
        .await;
    eventually("the old primary is seen down", async || {
        let seen = endpoints(&tab).await;
        seen[0].role == "does not answer" && !seen[0].problem.is_empty()
    })
    .await;
    tab.picture(&format!("failover-down-{name}")).await;
    new.promote().await.unwrap();
    eventually("writes go on", async || {
        write(100).await.is_ok() || is_written(&cluster).await
    })
    .await;
    tab.until("document.querySelector('#group-1 .card .badge').textContent === 'reads and writes'")
        .await;
    eventually("the new primary is seen", async || {
        let seen = endpoints(&tab).await;
        seen[1].role == "primary" && seen[0].role == "does not answer"
    })
    .await;
    assert!(!is_replica(&new).await);

    old.come_back_read_only();
    old.follow(&new).await.unwrap();
    old.has_all_of(&new).await.unwrap();
    eventually("both have changed their roles", async || {
        have_roles_of(&tab, &[&old, &new]).await
    })
    .await;
    let roles: Vec<String> = endpoints(&tab)
        .await
        .into_iter()
        .map(|one| one.role)
        .collect();
    assert_eq!(roles, ["replica", "primary"]);
    // The configuration still has them the other way round.
    let advice = "swap it with the primary in the configuration";
    tab.until(&format!(
        "document.querySelector('#attention').textContent.includes('{advice}')"
    ))
    .await;
    assert!(tab.is("window.isTheSame").await);
    tab.picture(&format!("failover-over-{name}")).await;

    // The page of traffic counts it.
    tab.open(&served.url("/traffic")).await;
    let changes = tab.texts("#incidents td[data-label='Role changes']").await;
    let counted = &cluster.statistics().incidents[0];
    assert_eq!(changes, [counted.role_changes.to_string()]);
    assert!(counted.role_changes >= 1, "{counted:?}");
    assert_eq!(tab.problems(), Vec::<Value>::new());
}

/// Whether the write was done whose answer was lost.
async fn is_written(cluster: &Cluster) -> bool {
    let found = Note::on(100).filter(Note::ID.eq(100)).count(cluster).await;
    found.is_ok_and(|found| found == 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_on_postgres_is_followed_without_a_reload() {
    roles_and_lag_are_those_of_the_servers(Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_on_mariadb_is_followed_without_a_reload() {
    roles_and_lag_are_those_of_the_servers(Dialect::MySql).await;
}
