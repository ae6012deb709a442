//! Where the rows of a namespace are once they have moved.

use std::sync::Arc;

use crate::connect::NamespaceHandle;

/// Where the rows of a namespace are by now.
#[derive(Debug, Clone)]
pub(crate) enum Moved {
    /// All of them are in one namespace, without others.
    Whole(Arc<NamespaceHandle>),
    /// Their logical shard was split: they are in several namespaces, without others.
    Split(Vec<Arc<NamespaceHandle>>),
    /// They are in namespaces that hold other rows too: their logical shard was merged with another one.
    Merged(Vec<Arc<NamespaceHandle>>),
}
