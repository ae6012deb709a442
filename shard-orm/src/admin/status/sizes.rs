//! The namespaces of one server, by the names under which their sizes are read.

use std::sync::Arc;

use crate::admin::servers::ServerAt;
use crate::backend::{Field, current_namespace};
use crate::connect::Lease;
use crate::error::Result;
use crate::exec::ask;
use crate::exec::sizes::Named;

/// The namespaces of a server by their names there. A named database is asked for its own.
pub(in crate::admin) async fn named(
    server: &ServerAt,
    lease: Option<&mut Lease>,
) -> Result<Vec<Named>> {
    let mut named: Vec<Named> = server
        .namespaces()
        .map(|handle| Named {
            handle: Arc::clone(handle),
            name: handle.namespace.name().to_string(),
        })
        .collect();
    if server.is_database
        && let (Some(lease), Some(text)) = (lease, current_namespace(server.dialect))
    {
        let own = &server.own;
        let mut name = None;
        ask(lease, own, text, &[], &mut |row| {
            name = Option::<String>::read(row, 0)?;
            Ok(())
        })
        .await?;
        if let (Some(first), Some(name)) = (named.first_mut(), name) {
            first.name = name;
        }
    }
    Ok(named)
}
