//! Private PgBouncers, each in front of one PostgreSQL server.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use sqlx::{Connection, PgConnection};

use super::instance::{Instance, Signals};
use super::{ServerError, programs};

/// The driver sends it when a session begins.
const IGNORED: &str = "extra_float_digits";

/// A PgBouncer of its own; dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct PgBouncer {
    instance: Instance,
    /// Host and port.
    authority: String,
    /// Of the server behind it.
    server: String,
}

impl PgBouncer {
    /// Starts a PgBouncer in front of the server of a URL, for all its databases, with these settings, as
    /// `("pool_mode", "session")`, and waits until it answers.
    ///
    /// # Errors
    /// When PgBouncer is not installed, or does not start; with the end of its log.
    ///
    /// # Panics
    /// When the URL names no host and port.
    pub async fn start(server: &str, settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        let program = programs::find(&["pgbouncer"], "pgbouncer")?;
        let signals = Signals {
            stop: Signal::SIGTERM,
            abandon: Signal::SIGKILL,
        };
        let mut instance = Instance::new("pgbouncer", program, &["postgres"], signals)?;
        let place = authority(server);
        let (login, place) = place.rsplit_once('@').unwrap_or(("postgres", place));
        let (host, port) = place.rsplit_once(':').unwrap();
        let mut file = format!(
            "[databases]\n* = host={host} port={port} user={login}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             auth_type = any\nunix_socket_dir =\nignore_startup_parameters = {IGNORED}\n"
        );
        for (name, value) in settings {
            writeln!(file, "{name} = {value}").unwrap();
        }
        // The port is not known before the launch.
        let arguments = |port: u16, folder: &std::path::Path| -> Vec<OsString> {
            let own = folder.join(format!("pgbouncer-{port}.ini"));
            let _ = fs::write(&own, format!("{file}listen_port = {port}\n"));
            vec![own.into()]
        };
        let port = instance.launch(arguments, answers).await?;
        Ok(Self {
            instance,
            authority: format!("{login}@127.0.0.1:{port}"),
            server: authority(server).to_owned(),
        })
    }

    /// The URL of the server or of one of its databases, by way of the pooler.
    pub fn url(&self, url: &str) -> String {
        url.replace(&self.server, &self.authority)
    }

    /// The id of its process.
    pub fn pid(&self) -> Option<u32> {
        self.instance.pid()
    }
}

/// User, host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

async fn answers(port: u16, folder: PathBuf) -> Result<(), String> {
    let mut connection =
        PgConnection::connect(&format!("postgres://postgres@127.0.0.1:{port}/postgres"))
            .await
            .map_err(|e| e.to_string())?;
    let alive = sqlx::raw_sql("SELECT 1").execute(&mut connection).await;
    alive.map_err(|e| e.to_string())?;
    // Another program may have been faster to take the port: then this one has ended.
    if !folder.join(format!("pgbouncer-{port}.ini")).exists() {
        return Err(format!("port {port} belongs to another program"));
    }
    connection.close().await.map_err(|e| e.to_string())
}
