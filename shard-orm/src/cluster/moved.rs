//! Where the rows of a namespace are once they have moved.

use std::sync::Arc;

use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind};

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

impl Moved {
    /// The error of a statement that cannot follow its rows, because their logical shard was split or merged.
    pub(crate) fn regrouped(handle: &NamespaceHandle) -> Error {
        Error::new(
            ErrorKind::ShardMoved,
            format!(
                "the logical shard of namespace `{}` was split or merged while the statement ran, and nothing of it \
                 was done; run it again",
                handle.namespace.name()
            ),
        )
    }

    /// The error of a statement that is for the kind of database from which its rows have moved.
    pub(crate) fn to_another_kind(handle: &NamespaceHandle) -> Error {
        Error::new(
            ErrorKind::ShardMoved,
            format!(
                "the logical shard of namespace `{}` has moved to another kind of database while the statement ran, and \
                 nothing of it was done; run it again",
                handle.namespace.name()
            ),
        )
    }
}
