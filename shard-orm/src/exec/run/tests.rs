//! The future of a call, as `run` makes it.

#![allow(clippy::unwrap_used)]

use super::super::statement::{Label, NoRows};
use super::super::target::Executor;
use super::*;
use crate::Cluster;
use crate::config::{Config, Group, Server};
use crate::topology::Namespace;

/// The most that glibc's allocator hands out of what a thread has kept of its own; what is larger
/// takes some hundred instructions more.
const LARGEST_KEPT: usize = 1_032;

struct Nothing;

impl Statement for Nothing {
    fn prepare(&self, _: &Namespace, _: &mut Args) -> Result<Sql> {
        Err(Error::unsupported("never sent"))
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "select",
            table: "nothing",
        }
    }
}

#[tokio::test]
async fn the_future_of_a_call_is_allocated_quickly() {
    let server = Server::new("a", "sqlite:///nowhere");
    let config = Config::new("test").group("shop", Group::new(1).server(server));
    let cluster = Cluster::connect(&config).await.unwrap();
    let handle = cluster.handle_of_shard("shop", 0).unwrap();
    let mut sink = NoRows;
    let call = run(
        (&cluster).target(),
        handle,
        Intent::Read,
        &Nothing,
        &mut sink,
    );
    let size = size_of_val(&*call);
    assert!(size <= LARGEST_KEPT, "{size} bytes");
}
