//! The HTTP server of the command: bounded in connections, headers and time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The most connections at a time; further ones wait.
const CONNECTIONS: usize = 128;
/// The longest time until the headers of a request are complete, also on a connection that is kept.
const HEADERS: Duration = Duration::from_secs(15);
/// The most headers of a request.
const MOST_HEADERS: usize = 64;
/// The most bytes of a request's headers.
const LONGEST_HEADERS: usize = 16 * 1_024;
/// The longest wait for responses at the end.
const ENDING: Duration = Duration::from_secs(3);
/// The pause after a connection could not be accepted: the process may lack file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers requests until `shutdown` is ready; then finishes the responses at hand, and returns.
///
/// It speaks HTTP/1 without TLS. An application that mounts [`router`](crate::router) serves it itself.
///
/// ```no_run
/// # async fn run(cluster: shard_orm::Cluster) -> std::io::Result<()> {
/// use shard_orm_dashboard::{Options, router, serve};
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:7070").await?;
/// let end = async { tokio::time::sleep(std::time::Duration::from_secs(60)).await };
/// serve(listener, router(&cluster, Options::new()), end).await;
/// # Ok(())
/// # }
/// ```
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .max_headers(MOST_HEADERS)
            .max_buf_size(LONGEST_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A viewer who goes away in the middle is no error.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(ENDING, graceful.shutdown()).await;
}

type Accepted = (tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> io::Result<Accepted> {
    let permit = Arc::clone(connections).acquire_owned().await;
    let permit = permit.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}
