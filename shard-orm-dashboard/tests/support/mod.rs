//! The page on a free port, and requests that are written by hand.

// Each program of tests uses a part of it.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod fleet;

use axum::Router;
use shard_orm::Cluster;
use shard_orm_dashboard::{Options, router, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// A server, until it is dropped.
pub(crate) struct Served {
    pub(crate) address: String,
    _end: oneshot::Sender<()>,
}

/// A response.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Served {
    pub(crate) async fn start(cluster: &Cluster, options: Options) -> Self {
        Self::of(router(cluster, options)).await
    }

    pub(crate) async fn of(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (end, ended) = oneshot::channel();
        tokio::spawn(async move {
            let ended = async {
                let _ = ended.await;
            };
            serve(listener, router, ended).await;
        });
        Self { address, _end: end }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        self.send(&request, "").await
    }

    /// Sends a form.
    pub(crate) async fn post(&self, path: &str, headers: &str, fields: &str) -> Response {
        let headers = format!("Host: {}\r\n{headers}", self.address);
        self.post_as(path, &headers, fields).await
    }

    /// Sends a form with the host that is among the headers.
    pub(crate) async fn post_as(&self, path: &str, headers: &str, fields: &str) -> Response {
        let length = fields.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\n{headers}Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n"
        );
        self.send(&head, fields).await
    }

    /// Sends a request line and headers, and a body.
    pub(crate) async fn send(&self, head: &str, body: &str) -> Response {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!("{head}Connection: close\r\n\r\n{body}");
        // A request that is refused early is not read to its end.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut bytes = Vec::new();
        let mut chunk = [0; 4_096];
        while let Ok(length @ 1..) = stream.read(&mut chunk).await {
            bytes.extend_from_slice(&chunk[..length]);
        }
        Response::parse(&String::from_utf8(bytes).unwrap())
    }
}

impl Response {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap_or_default();
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        });
        Self {
            status: status.unwrap_or_default(),
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers
            .find(|(own, _)| own == name)
            .map_or("", |(_, value)| value)
    }
}
