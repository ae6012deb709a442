//! Metrics as Prometheus reads them.

use std::panic::resume_unwind;
use std::thread;

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use shard_orm::Cluster;
use shard_orm::config::Config;
use shard_orm::metrics::{COUNT_BUCKETS, DURATION_BUCKETS, Publisher, describe};
use tokio::runtime::Builder;

/// An exporter that nothing was published to.
///
/// # Panics
/// Never: the buckets are valid.
#[must_use]
pub fn prometheus() -> PrometheusRecorder {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)
        .unwrap()
        .set_buckets(&COUNT_BUCKETS)
        .unwrap()
        .build_recorder()
}

/// Publishes to this exporter, and returns what it shows.
pub fn scrape(recorder: &PrometheusRecorder, publisher: &Publisher) -> String {
    metrics::with_local_recorder(recorder, || {
        describe();
        publisher.publish();
    });
    let handle = recorder.handle();
    handle.run_upkeep();
    handle.render()
}

/// The sum of all series of a name with these labels, such as `verb="insert"`; `None` if there is none.
#[must_use]
pub fn find(scraped: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let lines = scraped.lines().filter(|line| !line.starts_with('#'));
    let own = lines.filter(|line| line.split(['{', ' ']).next() == Some(name));
    let own = own.filter(|line| labels.iter().all(|label| line.contains(label)));
    let values = own.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
    values.reduce(|sum, value| sum + value)
}

/// Runs a test with a process of its own, as it were: a cluster on a thread and a runtime of its own. What is published
/// there in the background goes to the exporter.
///
/// # Panics
/// When the test does.
pub fn with_exporter(config: &Config, test: impl AsyncFnOnce(&Cluster, PrometheusHandle) + Send) {
    let ended = thread::scope(|scope| {
        let process = scope.spawn(move || {
            let recorder = prometheus();
            let _guard = metrics::set_default_local_recorder(&recorder);
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let cluster = Cluster::connect(config).await.unwrap();
                test(&cluster, recorder.handle()).await;
                cluster.close().await;
            });
        });
        process.join()
    });
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}
