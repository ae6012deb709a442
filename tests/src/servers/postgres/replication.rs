//! Streaming replication between private PostgreSQL servers, and what operators do with it.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{PostgresServer, USER, data_folder};
use crate::database::with_database;
use crate::servers::ServerError;

/// The database of the ordinary users.
const DATABASE: &str = "shop";
const LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(5);

const SETTINGS: [(&str, &str); 4] = [
    // Nothing is written but by the tests, which count it.
    ("autovacuum", "off"),
    // A standby that was away for a while finds what it missed.
    ("wal_keep_size", "512MB"),
    // A standby comes back to a primary soon after that was started again.
    ("wal_retrieve_retry_interval", "100ms"),
    ("wal_receiver_status_interval", "1s"),
];

/// The users of the clusters under test, which no server makes an exception for: `client`, who owns the database,
/// and `watcher`, who has its rights and may look at statistics besides.
const ORDINARY_USERS: [&str; 3] = [
    "CREATE ROLE client LOGIN PASSWORD 'client-secret'",
    "CREATE ROLE watcher LOGIN PASSWORD 'watcher-secret' IN ROLE client, pg_monitor",
    "CREATE DATABASE shop OWNER client",
];

impl PostgresServer {
    /// Makes a server that others can replicate, with the database `shop` and its users `client` and `watcher`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_primary() -> Result<Self, ServerError> {
        Self::start_with(&SETTINGS).await?.with_users().await
    }

    /// As [`start_primary`](Self::start_primary), with a system identifier of its own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_stranger() -> Result<Self, ServerError> {
        Self::start_stranger_with(&SETTINGS)
            .await?
            .with_users()
            .await
    }

    async fn with_users(self) -> Result<Self, ServerError> {
        for sql in ORDINARY_USERS {
            self.run(sql).await?;
        }
        Ok(self)
    }

    /// Makes a standby of a server that [`start_primary`](Self::start_primary) made, and waits until it answers.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when the primary does not answer.
    pub async fn start_replica(primary: &Self) -> Result<Self, ServerError> {
        let mut server = Self::bare(&SETTINGS)?;
        server.copy(primary).await?;
        server.restart().await?;
        Ok(server)
    }

    /// The address of the database `shop` for one of its users, as `postgres://client:PASSWORD@127.0.0.1:PORT/shop`.
    pub fn url_of(&self, user: &str) -> String {
        let (_, server) = self.url.split_once('@').unwrap_or_default();
        let (address, _) = server.split_once('/').unwrap_or_default();
        format!("postgres://{user}:{user}-secret@{address}/{DATABASE}")
    }

    /// Lets a standby receive changes without applying them, and waits until it does so.
    ///
    /// # Errors
    /// When the server does not answer, or is no standby.
    pub async fn pause_replay(&self) -> Result<(), ServerError> {
        self.run("SELECT pg_wal_replay_pause()").await?;
        self.wait_until("SELECT pg_get_wal_replay_pause_state() = 'paused'")
            .await
    }

    /// Ends a pause of [`pause_replay`](Self::pause_replay); without one it does nothing.
    ///
    /// # Errors
    /// When the server does not answer, or is no standby.
    pub async fn resume_replay(&self) -> Result<(), ServerError> {
        self.run("SELECT pg_wal_replay_resume()").await
    }

    /// Makes a standby the primary of a new timeline, and waits until it takes writes.
    ///
    /// # Errors
    /// When the server does not answer, or is no standby.
    pub async fn promote(&self) -> Result<(), ServerError> {
        self.run("SELECT pg_promote()").await?;
        self.wait_until("SELECT NOT pg_is_in_recovery()").await
    }

    /// Lets new transactions be read-only, unless they say otherwise, or lifts that again: what tools do to fence a
    /// primary that goes on running.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn set_read_only(&self, read_only: bool) -> Result<(), ServerError> {
        let on = if read_only { "on" } else { "off" };
        self.run(&format!(
            "ALTER SYSTEM SET default_transaction_read_only = {on}"
        ))
        .await?;
        self.run("SELECT pg_reload_conf()").await?;
        self.wait_until(&format!(
            "SELECT current_setting('default_transaction_read_only') = '{on}'"
        ))
        .await
    }

    /// Makes a standby, or a former primary that was stopped in good order, follow this primary.
    ///
    /// # Errors
    /// When the server does not start.
    pub async fn follow(&mut self, primary: &Self) -> Result<(), ServerError> {
        let conninfo = conninfo(primary);
        if self.pid().is_some() && self.is("SELECT pg_is_in_recovery()").await? {
            self.run(&format!("ALTER SYSTEM SET primary_conninfo = '{conninfo}'"))
                .await?;
            self.run("SELECT pg_reload_conf()").await
        } else {
            self.stop().await?;
            let folder = data_folder(self.folder());
            let signal = folder.join("standby.signal");
            let settings = folder.join("postgresql.auto.conf");
            fs::write(&signal, "")
                .and_then(|()| OpenOptions::new().append(true).open(settings))
                .and_then(|mut file| writeln!(file, "primary_conninfo = '{conninfo}'"))
                .map_err(|e| ServerError::while_doing("making a standby", e))?;
            self.instance.give(&signal)?;
            self.restart().await
        }
    }

    /// Makes a server of any past a standby of this primary, with a fresh copy of its data.
    ///
    /// # Errors
    /// When one of the two does not answer.
    pub async fn rebuild(&mut self, primary: &Self) -> Result<(), ServerError> {
        self.stop().await?;
        fs::remove_dir_all(data_folder(self.folder()))
            .map_err(|e| ServerError::while_doing("removing the data of a server", e))?;
        self.copy(primary).await?;
        self.restart().await
    }

    /// Waits until this standby has applied all that its primary has committed by now.
    ///
    /// # Errors
    /// When it has not after two minutes, or one of the two does not answer.
    pub async fn has_all_of(&self, primary: &Self) -> Result<(), ServerError> {
        let position: String = scalar(primary.url(), "SELECT pg_current_wal_lsn()::text").await?;
        self.wait_until(&format!(
            "SELECT COALESCE(pg_last_wal_replay_lsn() >= '{position}', false)"
        ))
        .await
    }

    /// Runs SQL as the server's administrator.
    ///
    /// # Errors
    /// When the server does not answer, or refuses it.
    pub async fn run(&self, sql: &str) -> Result<(), ServerError> {
        run(self.url(), sql).await
    }

    /// As [`run`](Self::run), in the database `shop`.
    ///
    /// # Errors
    /// When the server does not answer, or refuses it.
    pub async fn run_in_shop(&self, sql: &str) -> Result<(), ServerError> {
        run(&with_database(self.url(), DATABASE), sql).await
    }

    /// The number that SQL gives in the database `shop`, asked as the server's administrator.
    ///
    /// # Errors
    /// When the server does not answer, or refuses it.
    pub async fn number(&self, sql: &str) -> Result<i64, ServerError> {
        scalar(&with_database(self.url(), DATABASE), sql).await
    }

    async fn copy(&self, primary: &Self) -> Result<(), ServerError> {
        let mut arguments: Vec<OsString> = [
            "--checkpoint=fast",
            "--wal-method=stream",
            "--write-recovery-conf",
            "--no-sync",
            "--dbname",
        ]
        .map(OsString::from)
        .into();
        arguments.push(conninfo(primary).into());
        arguments.push("--pgdata".into());
        arguments.push(data_folder(self.folder()).into());
        self.prepare("pg_basebackup", arguments).await
    }

    async fn is(&self, sql: &str) -> Result<bool, ServerError> {
        scalar(self.url(), sql).await
    }

    async fn wait_until(&self, sql: &str) -> Result<(), ServerError> {
        let begun = Instant::now();
        while !self.is(sql).await? {
            if begun.elapsed() > LIMIT {
                return Err(ServerError::new(format!(
                    "not within {LIMIT:?} on {}: {sql}",
                    self.url()
                )));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

fn conninfo(primary: &PostgresServer) -> String {
    let (_, address) = primary.url().split_once('@').unwrap_or_default();
    let port = address
        .split_once(':')
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or("", |(port, _)| port);
    format!("host=127.0.0.1 port={port} user={USER}")
}

async fn connect(url: &str) -> Result<PgConnection, ServerError> {
    PgConnection::connect(url)
        .await
        .map_err(|e| ServerError::while_doing(format!("connecting to {url}"), e))
}

async fn run(url: &str, sql: &str) -> Result<(), ServerError> {
    let mut connection = connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .map_err(|e| ServerError::while_doing(sql, e))?;
    connection
        .close()
        .await
        .map_err(|e| ServerError::while_doing("closing a connection", e))
}

async fn scalar<T>(url: &str, sql: &str) -> Result<T, ServerError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut connection = connect(url).await?;
    let value = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(&mut connection)
        .await
        .map_err(|e| ServerError::while_doing(sql, e))?;
    connection
        .close()
        .await
        .map_err(|e| ServerError::while_doing("closing a connection", e))?;
    Ok(value)
}
