//! A way to a server on which answers get lost: it has done what it was asked, and nobody hears of it.
//!
//! A session that is killed has mostly not done its last statement. What comes after a lost answer differs, and only
//! this shows a write that is sent twice.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::random::Random;

/// Of so many parts of answers, one is lost.
const ANSWERS_PER_LOSS: u32 = 200;
/// Of so many parts of questions, one is lost.
const QUESTIONS_PER_LOSS: u32 = 600;

/// A port that leads to a server's socket file.
#[derive(Debug)]
pub(crate) struct LossyLink {
    port: u16,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    random: Mutex<Option<Random>>,
    lost: Mutex<u64>,
}

impl LossyLink {
    /// Lays a link that loses nothing yet.
    pub(crate) async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            random: Mutex::new(None),
            lost: Mutex::new(0),
        });
        let listening = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (socket, shared) = (socket.clone(), Arc::clone(&shared));
                    tokio::spawn(async move {
                        // Either end may go at any time, which ends the other one.
                        let _ended = carry(client, socket, &shared).await;
                    });
                }
            }
        });
        Self {
            port,
            shared,
            listening,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Loses answers from now on.
    pub(crate) fn lose_responses(&self, seed: u64) {
        *self.shared.random.lock().unwrap() = Some(Random::new(seed, u64::MAX - 2));
    }

    /// Loses nothing any more.
    pub(crate) fn restore(&self) {
        *self.shared.random.lock().unwrap() = None;
    }

    /// How many connections were lost.
    pub(crate) fn lost(&self) -> u64 {
        *self.shared.lost.lock().unwrap()
    }
}

impl Drop for LossyLink {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    fn tears(&self, one_in: u32) -> bool {
        let mut random = self.random.lock().unwrap();
        let tears = random
            .as_mut()
            .is_some_and(|random| random.up_to(one_in) == 0);
        if tears {
            *self.lost.lock().unwrap() += 1;
        }
        tears
    }
}

/// Carries bytes both ways, until one end is closed or the link tears.
async fn carry(mut client: TcpStream, socket: PathBuf, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = UnixStream::connect(socket).await?;
    let (mut question, mut answer) = (vec![0; 16_384], vec![0; 16_384]);
    loop {
        tokio::select! {
            length = client.read(&mut question) => {
                let length = length?;
                if length == 0 || shared.tears(QUESTIONS_PER_LOSS) {
                    return Ok(());
                }
                server.write_all(&question[..length]).await?;
            }
            length = server.read(&mut answer) => {
                let length = length?;
                if length == 0 || shared.tears(ANSWERS_PER_LOSS) {
                    return Ok(());
                }
                client.write_all(&answer[..length]).await?;
            }
        }
    }
}
