//! Stands between the library and a server: counts, leads elsewhere, delays, hangs, loses answers and ends
//! connections.

use std::fs;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longer than a connection takes to end.
const LIMIT: Duration = Duration::from_mins(1);

/// A listener that passes on all that comes to one server. Dropping it ends its connections.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    manner: watch::Sender<Manner>,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

/// How it passes on.
#[derive(Debug, Clone, Default)]
struct Manner {
    server: String,
    delay: Duration,
    hangs: bool,
    /// Of all processes, or of this one.
    hangs_for: Option<u32>,
    loses_answers: bool,
    /// Of the connections that may stay: each holds it. It is another one after all were ended.
    generation: Arc<()>,
}

impl Manner {
    /// Whether it passes nothing on for the client that uses this port of the loopback interface.
    fn hangs_at(&self, port: u16) -> bool {
        self.hangs || self.hangs_for.is_some_and(|process| uses(process, port))
    }
}

/// Whether a connection from this port belongs to a process. Its sockets are links to their numbers, which stand in the
/// last columns of a line that begins with its addresses.
fn uses(process: u32, port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let address = format!("0100007F:{port:04X}");
    let mut lines = table.lines().map(|line| line.split_whitespace());
    let Some(mut line) = lines.find(|line| line.clone().nth(1) == Some(&address)) else {
        return false;
    };
    let socket = format!("socket:[{}]", line.nth(9).unwrap_or_default());
    let files = fs::read_dir(format!("/proc/{process}/fd"));
    let mut files = files.into_iter().flatten().flatten();
    files.any(|file| {
        fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == socket.as_str())
    })
}

/// What it has passed on.
#[derive(Debug, Default)]
struct Seen {
    opened: AtomicUsize,
    sent: AtomicUsize,
    held: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

impl Relay {
    /// Begins to pass on connections to the server of a URL.
    ///
    /// # Panics
    /// When there is no port for it.
    pub async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manner, followed) = watch::channel(Manner {
            server: authority(url).to_owned(),
            ..Manner::default()
        });
        let seen = Arc::<Seen>::default();
        let counted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.opened.fetch_add(1, Ordering::SeqCst);
                // Of this moment: a connection that is accepted before all are ended is one of them.
                let at = followed.borrow().clone();
                tokio::spawn(pass(client, at, followed.clone(), Arc::clone(&counted)));
            }
        });
        Self {
            address,
            manner,
            seen,
            task,
        }
    }

    /// The same URL, by way of the relay.
    pub fn url(&self, url: &str) -> String {
        url.replace(authority(url), &self.address.to_string())
    }

    /// How many connections were opened.
    pub fn opened(&self) -> usize {
        self.seen.opened.load(Ordering::SeqCst)
    }

    /// How many messages the client has sent; what it sends at once counts once.
    pub fn sent(&self) -> usize {
        self.seen.sent.load(Ordering::SeqCst)
    }

    /// How many messages from or to a process it has held back for [`hang_for`](Self::hang_for).
    pub fn held(&self) -> usize {
        self.seen.held.load(Ordering::SeqCst)
    }

    /// New connections lead to the server of this URL; ends all others, and waits until they have ended.
    ///
    /// # Panics
    /// When they do not end.
    pub async fn lead_to(&self, url: &str) {
        self.manner
            .send_modify(|manner| manner.server = authority(url).to_owned());
        self.end_connections().await;
    }

    /// Ends all connections that are open now, and waits until they have ended.
    async fn end_connections(&self) {
        let mut ended = Arc::default();
        self.manner
            .send_modify(|manner| ended = mem::take(&mut manner.generation));
        wait_until("connections of a relay end", || {
            Arc::strong_count(&ended) == 1
        })
        .await;
    }

    /// From now on each message takes so much longer, in either direction.
    pub fn delay(&self, delay: Duration) {
        self.manner.send_modify(|manner| manner.delay = delay);
    }

    /// Passes nothing on any more, and keeps all connections open; or goes on.
    pub fn hang(&self, hangs: bool) {
        self.manner.send_modify(|manner| manner.hangs = hangs);
    }

    /// Passes nothing on any more from or to a process, by its id, and keeps its connections open; or goes on.
    pub fn hang_for(&self, process: Option<u32>) {
        self.manner.send_modify(|manner| manner.hangs_for = process);
    }

    /// From now on what is asked reaches the server, and the connection ends instead of an answer; or no more.
    pub fn lose_answers(&self, loses: bool) {
        self.manner
            .send_modify(|manner| manner.loses_answers = loses);
    }

    /// Ends all connections, and takes no new ones; waits until they have ended.
    ///
    /// # Panics
    /// When they do not end.
    pub async fn close(&self) {
        self.task.abort();
        // A connection that is accepted until then is ended with the others.
        wait_until("a relay stops to listen", || self.task.is_finished()).await;
        self.end_connections().await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, at: Manner, mut manner: watch::Receiver<Manner>, seen: Arc<Seen>) {
    let Ok(server) = TcpStream::connect(&at.server).await else {
        return;
    };
    let Ok(SocketAddr::V4(peer)) = client.peer_addr() else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (up, down) = (manner.clone(), manner.clone());
    // The end of one direction ends the connection, and so does the closing of the relay.
    tokio::select! {
        () = forward(from_client, to_server, up, &seen, (peer.port(), Direction::ToServer)) => {}
        () = forward(from_server, to_client, down, &seen, (peer.port(), Direction::ToClient)) => {}
        _ = manner.wait_for(|manner| !Arc::ptr_eq(&manner.generation, &at.generation)) => {}
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut manner: watch::Receiver<Manner>,
    seen: &Seen,
    (port, direction): (u16, Direction),
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if direction == Direction::ToServer {
            seen.sent.fetch_add(1, Ordering::SeqCst);
        }
        let delay = manner.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let process = manner.borrow().hangs_for;
        if process.is_some_and(|process| uses(process, port)) {
            seen.held.fetch_add(1, Ordering::SeqCst);
        }
        let is_lost = direction == Direction::ToClient && manner.borrow().loses_answers;
        if is_lost
            || manner
                .wait_for(|manner| !manner.hangs_at(port))
                .await
                .is_err()
            || to.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
}

/// Waits for a condition, within the limit.
async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").unwrap().1;
    let place = rest.split('/').next().unwrap();
    place.rsplit('@').next().unwrap()
}
