//! As much of an HTTP client as the load program and the test need: one connection, one request at a time.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// A connection to the service.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// The response to a request.
#[derive(Debug)]
#[allow(dead_code)] // Each program that has this file uses some of it.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The lines of the head, in lower case.
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Response> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: service\r\n\r\n"))
            .await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Result<Response> {
        let length = body.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nhost: service\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    async fn ask(&mut self, request: &str) -> Result<Response> {
        self.stream.write_all(request.as_bytes()).await?;
        let first = self.line().await?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, first))?;
        let mut head = Vec::new();
        loop {
            match self.line().await? {
                line if line.is_empty() => break,
                line => head.push(line.to_ascii_lowercase()),
            }
        }
        let length = head
            .iter()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).await?;
        Ok(Response {
            status,
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
