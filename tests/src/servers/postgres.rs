//! Private PostgreSQL servers, alone or as primary and standby.

mod replication;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use sqlx::{Connection, PgConnection};

use super::instance::{Instance, Signals};
use super::template::Template;
use super::{ServerError, programs};

/// Every client of the loopback interface may connect as this user, without a password.
const USER: &str = "postgres";

/// The name of the folder of data.
const DATA: &str = "data";

const SETTINGS: [(&str, &str); 9] = [
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    // The log is in memory, perhaps.
    ("max_wal_size", "256MB"),
    ("max_connections", "600"),
    ("max_prepared_transactions", "64"),
    ("wal_level", "logical"),
    // A statement whose client is gone is noticed soon, as the guide advises for production.
    ("client_connection_check_interval", "100ms"),
    // In files of the data folder, so that a killed server leaves nothing in /dev/shm.
    ("dynamic_shared_memory_type", "mmap"),
    ("log_line_prefix", "%m [%p] %q%u@%d "),
];

/// A PostgreSQL server of its own; dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct PostgresServer {
    instance: Instance,
    settings: Vec<(String, String)>,
    url: String,
}

impl PostgresServer {
    /// Makes a new server and waits until it answers; this takes up to a second.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or the server does not start; with the end of its log.
    pub async fn start() -> Result<Self, ServerError> {
        Self::start_with(&[]).await
    }

    /// As [`start`](Self::start), with further settings of `postgresql.conf`, as `("wal_keep_size", "64MB")`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        static TEMPLATE: Template = Template::new();
        let mut server = Self::bare(settings)?;
        let make = async |folder: &Path| server.make_data(folder).await;
        TEMPLATE.copy_to(&server.instance, DATA, make).await?;
        server.restart().await?;
        Ok(server)
    }

    /// As [`start_with`](Self::start_with), with data that no other server has been made of: the others of this
    /// process have one system identifier, as copies of one have.
    async fn start_stranger_with(settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        let mut server = Self::bare(settings)?;
        server.make_data(server.folder()).await?;
        server.restart().await?;
        Ok(server)
    }

    /// Makes a data folder in this folder.
    async fn make_data(&self, folder: &Path) -> Result<(), ServerError> {
        let mut initdb: Vec<OsString> = [
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--username",
            USER,
            "--pgdata",
        ]
        .map(OsString::from)
        .into();
        initdb.push(data_folder(folder).into());
        self.prepare("initdb", initdb).await
    }

    /// A server without a data folder.
    fn bare(settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        let program = programs::postgres_folder()?.join("postgres");
        let signals = Signals {
            stop: Signal::SIGINT,
            abandon: Signal::SIGQUIT,
        };
        Ok(Self {
            instance: Instance::new("postgres", program, &[USER], signals)?,
            settings: SETTINGS
                .iter()
                .chain(settings)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            url: String::new(),
        })
    }

    /// Runs one of PostgreSQL's programs that work on the data folder.
    async fn prepare(&self, program: &str, arguments: Vec<OsString>) -> Result<(), ServerError> {
        let program = programs::postgres_folder()?.join(program);
        self.instance.prepare(&program, arguments).await
    }

    /// The server's address, as `postgres://postgres@127.0.0.1:PORT/postgres`; it stays the same over restarts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of the server's first process, `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.instance.pid()
    }

    /// The server's temporary folder.
    pub fn folder(&self) -> &Path {
        self.instance.folder()
    }

    /// Kills all processes of the server with `SIGKILL`, as a crash of its machine would, and waits until they are
    /// gone. What was committed is kept.
    pub fn kill9(&mut self) {
        self.instance.kill9();
    }

    /// Ends the server in good order (a "fast shutdown": open transactions are rolled back) and waits for its end.
    ///
    /// # Errors
    /// When it has not ended after two minutes; it is killed then.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        self.instance.stop().await
    }

    /// Stops the server if it runs, starts it with the same data on the same port, and waits until it answers.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.stop().await?;
        let settings = &self.settings;
        let port = self
            .instance
            .launch(|port, folder| arguments(port, folder, settings), answers)
            .await?;
        self.url = url(port);
        Ok(())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.instance.abandon();
        // A server that was killed leaves a segment of shared memory; one that ended itself leaves no such file.
        let lock_file = data_folder(self.folder()).join("postmaster.pid");
        let lock = fs::read_to_string(lock_file).unwrap_or_default();
        if let Some(segment) = lock
            .lines()
            .nth(6)
            .and_then(|line| line.split_whitespace().nth(1))
        {
            let _ = Command::new("ipcrm")
                .args(["--shmem-id", segment])
                .stderr(Stdio::null())
                .status();
        }
    }
}

fn url(port: u16) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/postgres")
}

fn data_folder(folder: &Path) -> PathBuf {
    folder.join(DATA)
}

fn arguments(port: u16, folder: &Path, settings: &[(String, String)]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["-D".into(), data_folder(folder).into()];
    arguments.extend([
        "-p".into(),
        port.to_string().into(),
        "-k".into(),
        folder.into(),
    ]);
    for (name, value) in settings {
        arguments.extend(["-c".into(), format!("{name}={value}").into()]);
    }
    arguments
}

async fn answers(port: u16, folder: PathBuf) -> Result<(), String> {
    let mut connection = PgConnection::connect(&url(port))
        .await
        .map_err(|e| e.to_string())?;
    let data: String = sqlx::query_scalar("SHOW data_directory")
        .fetch_one(&mut connection)
        .await
        .map_err(|e| e.to_string())?;
    if Path::new(&data) != data_folder(&folder) {
        return Err(format!(
            "port {port} belongs to a server with the folder {data}"
        ));
    }
    connection.close().await.map_err(|e| e.to_string())
}
