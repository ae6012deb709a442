//! Private MariaDB servers, alone or as primary and replica.

mod replication;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use sqlx::{Connection, MySqlConnection};

use super::instance::{Instance, Signals};
use super::template::Template;
use super::{ServerError, programs};

const USER: &str = "app";
/// The server listens on the loopback interface only, so this need not be secret.
const PASSWORD: &str = "app-secret";

/// The name of the folder of data.
const DATA: &str = "data";
/// Of the log that is made with the data; a server makes one of another size anew.
const LOG_SIZE: &str = "--innodb-log-file-size=32M";

const SETTINGS: [(&str, &str); 6] = [
    ("bind-address", "127.0.0.1"),
    ("skip-name-resolve", "1"),
    ("character-set-server", "utf8mb4"),
    ("max-connections", "600"),
    ("innodb-flush-log-at-trx-commit", "2"),
    ("innodb-buffer-pool-size", "64M"),
];

/// A MariaDB server of its own; dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct MariaDbServer {
    instance: Instance,
    settings: Vec<(String, String)>,
    url: String,
}

impl MariaDbServer {
    /// Makes a new server and waits until it answers; this takes up to a second.
    ///
    /// # Errors
    /// When MariaDB is not installed, or the server does not start; with the end of its log.
    pub async fn start() -> Result<Self, ServerError> {
        Self::start_with(&[]).await
    }

    /// As [`start`](Self::start), with further options of `mariadbd`, as `("log-bin", "binlog")`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        let package = "mariadb-server";
        let program = programs::find(&["mariadbd", "mysqld"], package)?;
        let installer = programs::find(&["mariadb-install-db", "mysql_install_db"], package)?;
        let signals = Signals {
            stop: Signal::SIGTERM,
            abandon: Signal::SIGKILL,
        };
        static TEMPLATE: Template = Template::new();
        let instance = Instance::new("mariadb", program, &["mysql"], signals)?;
        let make = async |folder: &Path| {
            let mut install: Vec<OsString> = [
                // It is heeded in the first place only.
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-name-resolve",
                "--skip-test-db",
                LOG_SIZE,
            ]
            .map(OsString::from)
            .into();
            install.push(option("datadir", &data_folder(folder)));
            instance.prepare(&installer, install).await
        };
        TEMPLATE.copy_to(&instance, DATA, make).await?;
        // One statement to a line: the server reads the file so. Each server makes the users itself, and a replica
        // would stop at the copies of these statements.
        let users = format!(
            "SET sql_log_bin = 0;\n\
             CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n{}",
            replication::ORDINARY_USERS,
        );
        fs::write(users_file(instance.folder()), users)
            .map_err(|e| ServerError::while_doing("writing the file that makes the user", e))?;

        let mut server = Self {
            instance,
            settings: SETTINGS
                .iter()
                .chain(settings)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            url: String::new(),
        };
        server.restart().await?;
        Ok(server)
    }

    /// The server's address, as `mysql://app:PASSWORD@127.0.0.1:PORT`, without a database; it stays the same over
    /// restarts. The user has all rights.
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

    /// Kills the server with `SIGKILL`, as a crash of its machine would, and waits until it is gone. What was
    /// committed is kept.
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

fn url(port: u16) -> String {
    format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{port}")
}

fn data_folder(folder: &Path) -> PathBuf {
    folder.join(DATA)
}

fn users_file(folder: &Path) -> PathBuf {
    folder.join("users.sql")
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(format!("--{name}="));
    option.push(path);
    option
}

fn arguments(port: u16, folder: &Path, settings: &[(String, String)]) -> Vec<OsString> {
    let mut arguments = vec![
        "--no-defaults".into(),
        option("datadir", &data_folder(folder)),
        option("init-file", &users_file(folder)),
        option("pid-file", &folder.join("mariadbd.pid")),
        option("socket", &folder.join("mariadbd.sock")),
        option("tmpdir", folder),
        format!("--port={port}").into(),
        // Distinct, as the servers of a replication have to be.
        format!("--server-id={port}").into(),
        LOG_SIZE.into(),
    ];
    arguments.extend(
        settings
            .iter()
            .map(|(name, value)| format!("--{name}={value}").into()),
    );
    arguments
}

async fn answers(port: u16, folder: PathBuf) -> Result<(), String> {
    let mut connection = MySqlConnection::connect(&url(port))
        .await
        .map_err(|e| e.to_string())?;
    let data: String = sqlx::query_scalar("SELECT @@datadir")
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
