//! Private Redis servers, without persistence.

use std::ffi::OsString;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::instance::{Instance, Signals};
use super::{ServerError, programs};

/// A Redis server of its own; dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct RedisServer {
    instance: Instance,
    url: String,
}

impl RedisServer {
    /// Starts a new server and waits until it answers.
    ///
    /// # Errors
    /// When Redis is not installed, or the server does not start; with the end of its log.
    pub async fn start() -> Result<Self, ServerError> {
        let program = programs::find(&["redis-server", "valkey-server"], "redis-server")?;
        let signals = Signals {
            stop: Signal::SIGTERM,
            abandon: Signal::SIGKILL,
        };
        let mut server = Self {
            instance: Instance::new("redis", program, &["redis"], signals)?,
            url: String::new(),
        };
        server.restart().await?;
        Ok(server)
    }

    /// The server's address, as `redis://127.0.0.1:PORT`; it stays the same over restarts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of the server's process, `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.instance.pid()
    }

    /// The server's temporary folder.
    pub fn folder(&self) -> &Path {
        self.instance.folder()
    }

    /// Kills the server with `SIGKILL` and waits until it is gone.
    pub fn kill9(&mut self) {
        self.instance.kill9();
    }

    /// Ends the server in good order and waits for its end.
    ///
    /// # Errors
    /// When it has not ended after two minutes; it is killed then.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        self.instance.stop().await
    }

    /// Stops the server if it runs, starts it empty on the same port, and waits until it answers.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.stop().await?;
        let port = self.instance.launch(arguments, answers).await?;
        self.url = format!("redis://127.0.0.1:{port}");
        Ok(())
    }
}

fn arguments(port: u16, folder: &Path) -> Vec<OsString> {
    let mut arguments = vec![
        "--port".into(),
        port.to_string().into(),
        "--dir".into(),
        folder.into(),
    ];
    arguments
        .extend(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"].map(OsString::from));
    arguments
}

async fn answers(port: u16, folder: PathBuf) -> Result<(), String> {
    let reply = ask(port, "CONFIG GET dir\r\n")
        .await
        .map_err(|e| e.to_string())?;
    // The last string of the reply is the folder.
    match reply.trim_end().lines().last() {
        Some(dir) if Path::new(dir) == folder => Ok(()),
        _ => Err(format!("port {port} answered {reply:?}")),
    }
}

/// Sends one inline command and returns all that comes until the server closes the connection.
async fn ask(port: u16, command: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream
        .write_all(format!("{command}QUIT\r\n").as_bytes())
        .await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    Ok(reply.trim_end().trim_end_matches("+OK").to_owned())
}
