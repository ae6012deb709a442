//! Runs a request: on a dedicated connection in each place, so that no setting of the text outlives
//! it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::{SqlOutcome, SqlReport};
use super::request::{SqlPlace, SqlRequest};
use crate::backend::{Conn, Failure, TextResult, begin, use_namespace};
use crate::cluster::Cluster;
use crate::connect::{Endpoint, NamespaceHandle};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Concurrency, ConcurrencyLimiter};
use crate::route::RoutingKey;

/// Runs SQL in one or several places, and returns an outcome for each.
///
/// The record of each namespace is verified before its first statement, as for any other call. The
/// text is not prepared and is sent as it stands, so it may hold anything that the database
/// understands.
///
/// Dropped before it is done, it closes its connections; a server may still carry out what it was
/// sent.
///
/// ```no_run
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::admin::{SqlPlace, SqlRequest, run_sql};
///
/// let place = SqlPlace::EachShard { group: "shop".to_owned() };
/// let report = run_sql(cluster, &SqlRequest::new(place, "SELECT count(*) FROM orders")).await?;
/// for outcome in &report.outcomes {
///     println!("{}: {:?} {:?}", outcome.place(), outcome.results, outcome.error);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What is found before anything is sent: [`Configuration`](ErrorKind::Configuration) for an unknown
/// group or database, [`NoShardForKey`](ErrorKind::NoShardForKey) for an unknown logical shard,
/// [`Unsupported`](ErrorKind::Unsupported) for an empty text, and for servers of SQLite. Everything
/// else is in the report.
pub async fn run_sql(cluster: &Cluster, request: &SqlRequest) -> Result<SqlReport> {
    let handles = handles(cluster, &request.place)?;
    if request.text.trim().is_empty() {
        return Err(Error::unsupported(
            "the SQL is empty; write at least one statement",
        ));
    }
    let mut limiter = ConcurrencyLimiter::new(Concurrency {
        most: request.most,
        per_server: request.per_server,
    });
    let mut outcomes = Vec::with_capacity(handles.len());
    for (number, handle) in handles.iter().enumerate() {
        outcomes.push(not_begun(request, handle));
        limiter.push(number, handle, in_place(request, handle));
    }
    loop {
        if request.stop.is_stopped() {
            limiter.begin_no_more();
        }
        let Some((number, outcome)) = limiter.next().await else {
            break;
        };
        if outcome.error.is_some() && request.stop_at_first_error {
            limiter.begin_no_more();
        }
        if let Some(observe) = &request.observer {
            observe(&outcome);
        }
        outcomes[number] = outcome;
    }
    Ok(SqlReport { outcomes })
}

/// The namespaces, or one namespace of each server.
fn handles(cluster: &Cluster, place: &SqlPlace) -> Result<Vec<Arc<NamespaceHandle>>> {
    match place {
        SqlPlace::Key { group, key } => {
            let key: RoutingKey<'_> = key.routing_key();
            Ok(vec![cluster.handle_of_key(group, &key)?])
        }
        SqlPlace::Shard { group, shard } => Ok(vec![cluster.handle_of_shard(group, *shard)?]),
        SqlPlace::EachShard { group } => cluster.handles_of_group(group),
        SqlPlace::EachServer { group } => {
            let handles = cluster.static_handles(group)?;
            for handle in &handles {
                handle.dialect().capability().servers.require()?;
            }
            Ok(handles)
        }
        SqlPlace::Database { name } => Ok(vec![cluster.handle_of_database(name)?]),
    }
}

fn not_begun(request: &SqlRequest, handle: &NamespaceHandle) -> SqlOutcome {
    let is_server = matches!(request.place, SqlPlace::EachServer { .. });
    SqlOutcome {
        shard: (handle.namespace.is_sharded() && !is_server).then(|| handle.shard_id()),
        server: handle.server.to_string(),
        endpoint: None,
        begun: false,
        results: Vec::new(),
        error: None,
        elapsed: Duration::ZERO,
    }
}

async fn in_place(request: &SqlRequest, handle: &Arc<NamespaceHandle>) -> SqlOutcome {
    let since = Instant::now();
    let mut outcome = not_begun(request, handle);
    outcome.begun = true;
    let mut results = Vec::new();
    let mut label = None;
    let ran = run(request, handle, &mut label, &mut results).await;
    outcome.error = ran.err().map(|error| handle.name_error(error));
    outcome.endpoint = label;
    outcome.results = results.into_iter().map(Into::into).collect();
    outcome.elapsed = since.elapsed();
    outcome
}

async fn run(
    request: &SqlRequest,
    handle: &Arc<NamespaceHandle>,
    label: &mut Option<String>,
    results: &mut Vec<TextResult>,
) -> Result<()> {
    let is_server = matches!(request.place, SqlPlace::EachServer { .. });
    let endpoint = if is_server {
        endpoint_of_server(request, handle).await?
    } else {
        verified_endpoint(request, handle).await?
    };
    let mut conn = endpoint.open_dedicated().await?;
    *label = Some(endpoint.label().to_owned());
    // A named database is where its URL leads.
    let namespace = &handle.namespace;
    let is_inside = !is_server && (namespace.is_sharded() || namespace.is_static());
    if is_inside && let Some(text) = use_namespace(handle.dialect(), namespace.name()) {
        conn.batch(&text).await.map_err(|failure| failure.error)?;
    }
    let asked = send(request, &mut conn, results);
    let outcome = handle.health.or_abort(endpoint.index(), asked).await;
    match outcome {
        Ok(()) => {
            conn.close().await;
            Ok(())
        }
        Err(failure) if failure.lost && !request.replica => {
            Err(outcome_unknown(endpoint.label(), failure.error))
        }
        Err(failure) => {
            if !failure.lost {
                conn.close().await;
            }
            Err(failure.error)
        }
    }
}

/// Sends the text, in a transaction if that is requested.
async fn send(
    request: &SqlRequest,
    conn: &mut Conn,
    results: &mut Vec<TextResult>,
) -> Result<(), Failure> {
    if !request.transaction {
        return conn.run_texts(&request.text, results).await;
    }
    conn.batch(&begin(conn.dialect(), None, request.replica))
        .await?;
    match conn.run_texts(&request.text, results).await {
        Ok(()) => conn.batch("COMMIT").await,
        Err(failure) if failure.lost => Err(failure),
        Err(failure) => {
            // The first error says why. Without an answer the server rolls back by itself.
            let _ = conn.batch("ROLLBACK").await;
            Err(failure)
        }
    }
}

/// The endpoint of a namespace, whose record was verified there.
async fn verified_endpoint<'h>(
    request: &SqlRequest,
    handle: &'h NamespaceHandle,
) -> Result<&'h Endpoint> {
    let checkout = if request.replica {
        handle.for_replica_read(|_| {}).await?
    } else {
        handle.for_write().await?
    };
    if request.replica && !handle.is_replica(checkout.endpoint) {
        return Err(no_replica(handle));
    }
    Ok(checkout.endpoint)
}

/// The endpoint of a server, whatever namespaces it has.
async fn endpoint_of_server<'h>(
    request: &SqlRequest,
    handle: &'h NamespaceHandle,
) -> Result<&'h Endpoint> {
    if !handle.health.is_probed() {
        handle.health.first_probe().await;
    }
    if request.replica {
        return handle.any_replica().ok_or_else(|| no_replica(handle));
    }
    handle.writer()
}

fn no_replica(handle: &NamespaceHandle) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "no replica of server `{}` is available; run it on the primary, or see the state of \
             the server with `check`",
            handle.server
        ),
    )
}

fn outcome_unknown(label: &str, lost: Error) -> Error {
    Error::new(
        ErrorKind::OutcomeUnknown,
        format!(
            "the connection to {label} was lost before the statements were answered: they may have \
             been carried out; look before you run them again ({})",
            lost.message()
        ),
    )
    .with_source(lost)
}
