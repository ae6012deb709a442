//! Figures of a large fleet in the browser: printed, not judged.
//!
//! ```text
//! cargo test --release -p shard-orm-dashboard --all-features --test browser measured -- --ignored --nocapture
//! ```

use std::time::{Duration, Instant};

use shard_orm::Cluster;
use shard_orm::config::{Config, Group, Server};
use shard_orm_dashboard::Options;

use crate::chromium::Chromium;
use crate::support::Served;
use crate::support::fleet::Order;

const SHARDS: u32 = 1_024;
const SERVERS: u32 = 64;
const VIEWERS: usize = 10;
/// How long the viewers watch.
const WATCHED: Duration = Duration::from_secs(30);

/// The time of the processor that this process has used.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = |field: usize| fields.split_whitespace().nth(field).unwrap().parse::<u64>();
    // 100 ticks a second, on every Linux.
    Duration::from_millis((ticks(11).unwrap() + ticks(12).unwrap()) * 10)
}

/// Prints what the server uses while so many watch.
async fn used(viewers: usize) {
    let (before, begun) = (processor_time(), Instant::now());
    tokio::time::sleep(WATCHED).await;
    let used = processor_time() - before;
    let share = used.as_secs_f64() * 100.0 / begun.elapsed().as_secs_f64();
    println!("{viewers} viewers: {share:.1} % of a processor for the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of a minute"]
async fn a_large_fleet_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let mut group = Group::new(SHARDS);
    for number in 0..SERVERS {
        let url = format!("sqlite://{}/{number}", folder.path().display());
        group = group.server(Server::new(format!("server-{number}"), url));
    }
    let config = Config::new("large").group("shop", group);
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    let served = Served::start(&cluster, Options::new()).await;
    let browser = Chromium::start().await;
    let tab = browser.tab().await;

    println!("{SHARDS} logical shards on {SERVERS} servers");
    for round in ["first", "second"] {
        tab.open(&served.url("/")).await;
        let paint = tab
            .value(
                "new Promise((done) => new PerformanceObserver((list) => {
                   const [page] = performance.getEntriesByType('navigation');
                   done([list.getEntries()[0].startTime, page.responseStart, page.responseEnd, page.decodedBodySize]);
                 }).observe({ type: 'paint', buffered: true }))",
            )
            .await;
        println!("{round} view: first paint, first byte, last byte [ms], size [B]: {paint}");
    }
    tab.until("document.querySelectorAll('.cell.level-0, .cell.level-5').length > 1000")
        .await;
    // How long the thread of the page is kept busy by an update, as tasks of more than 50 ms, and by the script.
    let script = "(async () => {
        const begun = performance.now();
        const response = await fetch(location.href);
        const text = await response.text();
        const read = performance.now();
        const fresh = new DOMParser().parseFromString(text, 'text/html');
        const parsed = performance.now();
        for (const old of document.querySelectorAll('[data-live]')) {
          const next = fresh.getElementById(old.id);
          if (next) old.replaceChildren(...next.childNodes);
        }
        document.body.offsetHeight;
        return [read - begun, parsed - read, performance.now() - parsed].map(Math.round);
      })()";
    for _ in 0..3 {
        let update = tab.value(script).await;
        println!(
            "update with all parts replaced: fetch, parse, replace and lay out [ms]: {update}"
        );
    }
    tab.open("about:blank").await;
    used(0).await;

    let mut tabs = Vec::new();
    for _ in 0..VIEWERS {
        let tab = browser.tab().await;
        tab.open(&served.url("/")).await;
        tab.value(
            "window.slow = [];
             new PerformanceObserver((list) => window.slow.push(...list.getEntries().map((one) => Math.round(one.duration))))
               .observe({ type: 'longtask', buffered: false })",
        )
        .await;
        tabs.push(tab);
    }
    used(VIEWERS).await;
    for tab in &tabs {
        println!(
            "tasks above 50 ms in {WATCHED:?}: {}",
            tab.value("window.slow").await
        );
    }
}
