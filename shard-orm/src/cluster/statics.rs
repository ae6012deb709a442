//! The handles of static tables.

use std::sync::Arc;

use super::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};

impl Cluster {
    /// The handles of a group's static tables, by server in the order of the configuration.
    pub(crate) fn static_handles(&self, group: &str) -> Result<Vec<Arc<NamespaceHandle>>> {
        let state = self.inner.state.load();
        let index = state.group(group)?;
        Ok(state.pool_set.statics(index).to_vec())
    }

    /// The handle of the static tables on the server of this namespace.
    pub(crate) fn statics_beside(
        &self,
        handle: &Arc<NamespaceHandle>,
    ) -> Result<Arc<NamespaceHandle>> {
        if handle.namespace.is_static() {
            return Ok(Arc::clone(handle));
        }
        self.statics_of_server(handle.namespace.group(), &handle.server)
    }

    /// The handle of the static tables on a server of a group.
    pub(crate) fn statics_of_server(
        &self,
        group: &str,
        server: &str,
    ) -> Result<Arc<NamespaceHandle>> {
        let handles = self.static_handles(group)?;
        let found = handles.into_iter().find(|one| *one.server == *server);
        found.ok_or_else(|| {
            Error::configuration(format!(
                "server `{server}` is not in group `{group}`, or no longer is"
            ))
        })
    }
}
