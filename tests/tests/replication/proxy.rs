//! Stands between the library and a server: leads elsewhere, delays, hangs, and ends connections.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::site::eventually;

/// A listener that passes on all that comes to one server.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    manner: watch::Sender<Manner>,
    task: JoinHandle<()>,
}

/// How it passes on.
#[derive(Debug, Clone, Default)]
struct Manner {
    server: String,
    delay: Duration,
    hangs: bool,
    loses_answers: bool,
    /// Of the connections that may stay: each holds it. It is another one after all were ended.
    generation: Arc<()>,
}

impl Proxy {
    /// Begins to pass on connections to the server of a URL.
    pub(crate) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manner, seen) = watch::channel(Manner {
            server: authority(url).to_owned(),
            ..Manner::default()
        });
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, seen.clone()));
            }
        });
        Self {
            address,
            manner,
            task,
        }
    }

    /// The same URL, by way of the proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(authority(url), &self.address.to_string())
    }

    /// New connections lead to the server of this URL; ends all others, and waits until they have ended.
    pub(crate) async fn lead_to(&self, url: &str) {
        let mut ended = Arc::default();
        self.manner.send_modify(|manner| {
            manner.server = authority(url).to_owned();
            ended = mem::take(&mut manner.generation);
        });
        eventually("the connections of a proxy end", async || {
            Arc::strong_count(&ended) == 1
        })
        .await;
    }

    /// From now on each message takes so much longer, in either direction.
    pub(crate) fn delay(&self, delay: Duration) {
        self.manner.send_modify(|manner| manner.delay = delay);
    }

    /// Passes nothing on any more, and keeps all connections open; or goes on.
    pub(crate) fn hang(&self, hangs: bool) {
        self.manner.send_modify(|manner| manner.hangs = hangs);
    }

    /// From now on what is asked reaches the server, and the connection ends instead of an answer; or no more.
    pub(crate) fn lose_answers(&self, loses: bool) {
        self.manner
            .send_modify(|manner| manner.loses_answers = loses);
    }

    /// Ends all connections, and takes no new ones.
    pub(crate) fn close(&self) {
        self.task.abort();
        self.manner
            .send_modify(|manner| manner.generation = Arc::default());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, mut manner: watch::Receiver<Manner>) {
    let (server, generation) = {
        let manner = manner.borrow();
        (manner.server.clone(), Arc::clone(&manner.generation))
    };
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (up, down) = (manner.clone(), manner.clone());
    // The end of one direction ends the connection, and so does the end of the proxy.
    tokio::select! {
        () = forward(from_client, to_server, up, false) => {}
        () = forward(from_server, to_client, down, true) => {}
        _ = manner.wait_for(|manner| !Arc::ptr_eq(&manner.generation, &generation)) => {}
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut manner: watch::Receiver<Manner>,
    are_answers: bool,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let delay = manner.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if (are_answers && manner.borrow().loses_answers)
            || manner.wait_for(|manner| !manner.hangs).await.is_err()
            || to.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
}

/// Host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").unwrap().1;
    let place = rest.split('/').next().unwrap();
    place.rsplit('@').next().unwrap()
}
