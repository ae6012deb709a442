//! The error of the library: its kind, the shard, and a message with advice.
//!
//! Made in every layer. `backend` turns the error codes of a database into an [`ErrorKind`].

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

mod field;

pub use field::FieldError;

/// A result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// The kind of an error, the same for all databases.
///
/// Match on it with a wildcard arm: kinds may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The requested row does not exist.
    NotFound,
    /// A unique index or primary key already has this value.
    Unique,
    /// A foreign key refers to a missing row, or other rows still refer to this one.
    ForeignKey,
    /// NULL in a column that is not nullable.
    NotNull,
    /// A CHECK constraint, or the type of the column, rejects the value.
    Check,
    /// The transaction conflicts with a concurrent one, or a table was altered after one of its
    /// statements was prepared. Retryable.
    Serialization,
    /// The transaction was chosen as a deadlock victim. Retryable.
    Deadlock,
    /// A statement, a lock or a connection took longer than its limit.
    Timeout,
    /// No connection of the pool became free within the acquire timeout.
    PoolExhausted,
    /// The server cannot be reached, refuses the connection, or closed it before anything was sent;
    /// or the response to a read was interrupted.
    Unavailable,
    /// The database, the server or the transaction is read-only.
    ReadOnly,
    /// The server's disk, or the table, is full.
    StorageFull,
    /// The logical shard has moved to another namespace. Retryable.
    ShardMoved,
    /// The table or column does not exist in that namespace.
    UndefinedTable,
    /// Fenced off: a newer run of the same task has started, so this one can no longer commit.
    Fenced,
    /// The topology in the catalog has changed since it was read: nothing was changed.
    Conflict,
    /// No logical shard owns the key.
    NoShardForKey,
    /// A call or transaction would use another logical shard than its own.
    CrossShard,
    /// The transaction is running another statement.
    TransactionBusy,
    /// The transaction has ended, or the database has rolled it back.
    TransactionEnded,
    /// The model's validation rejects the row; see [`fields`](Error::fields).
    Invalid,
    /// The write succeeded, and then an after hook of the model failed. The source is the hook's
    /// error.
    AfterHook,
    /// A value in the result does not fit the requested type.
    Decode,
    /// A text is not a [`Cursor`](crate::query::Cursor), or belongs to another query. It came from a
    /// client: respond with 400, not 500.
    InvalidCursor,
    /// A text is not a token of a [`Session`](crate::Session). It came from a client.
    InvalidToken,
    /// The database or the library does not support the request.
    Unsupported,
    /// The configuration is wrong, or does not match the server.
    Configuration,
    /// The response to a write or a COMMIT was lost after it was sent: it may have been carried
    /// out.
    OutcomeUnknown,
    /// The database reported an error that has no kind of its own; see the source.
    Database,
}

impl ErrorKind {
    /// All kinds, by discriminant.
    #[cfg(feature = "metrics")]
    pub(crate) const ALL: [Self; 29] = [
        Self::NotFound,
        Self::Unique,
        Self::ForeignKey,
        Self::NotNull,
        Self::Check,
        Self::Serialization,
        Self::Deadlock,
        Self::Timeout,
        Self::PoolExhausted,
        Self::Unavailable,
        Self::ReadOnly,
        Self::StorageFull,
        Self::ShardMoved,
        Self::UndefinedTable,
        Self::Fenced,
        Self::Conflict,
        Self::NoShardForKey,
        Self::CrossShard,
        Self::TransactionBusy,
        Self::TransactionEnded,
        Self::Invalid,
        Self::AfterHook,
        Self::Decode,
        Self::InvalidCursor,
        Self::InvalidToken,
        Self::Unsupported,
        Self::Configuration,
        Self::OutcomeUnknown,
        Self::Database,
    ];

    /// Returns whether it can mean that the shard has moved. Nothing was done then.
    pub(crate) fn may_have_moved(self) -> bool {
        matches!(
            self,
            Self::UndefinedTable | Self::ShardMoved | Self::Unavailable
        )
    }

    fn words(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::Unique => "unique constraint",
            Self::ForeignKey => "foreign key",
            Self::NotNull => "not null",
            Self::Check => "value refused",
            Self::Serialization => "serialization failure",
            Self::Deadlock => "deadlock",
            Self::Timeout => "timeout",
            Self::PoolExhausted => "pool exhausted",
            Self::Unavailable => "unavailable",
            Self::ReadOnly => "read only",
            Self::StorageFull => "storage full",
            Self::ShardMoved => "shard moved",
            Self::UndefinedTable => "undefined table or column",
            Self::Fenced => "fenced off",
            Self::Conflict => "conflict",
            Self::NoShardForKey => "no shard for key",
            Self::CrossShard => "cross shard",
            Self::TransactionBusy => "transaction busy",
            Self::TransactionEnded => "transaction ended",
            Self::Invalid => "invalid",
            Self::AfterHook => "after hook",
            Self::Decode => "decode",
            Self::InvalidCursor => "invalid cursor",
            Self::InvalidToken => "invalid token",
            Self::Unsupported => "unsupported",
            Self::Configuration => "configuration",
            Self::OutcomeUnknown => "outcome unknown",
            Self::Database => "database",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// One logical shard of a group, as errors and reports name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ShardId {
    /// The shard group.
    pub group: String,
    /// The number of the logical shard in it, from 0.
    pub shard: u32,
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.shard)
    }
}

/// An error of this library.
///
/// ```
/// use shard_orm::{Error, ErrorKind};
///
/// fn is_a_duplicate(error: &Error) -> bool {
///     error.kind() == ErrorKind::Unique
/// }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    shard: Option<ShardId>,
    constraint: Option<String>,
    done: Vec<ShardId>,
    failed: Vec<ShardId>,
    fields: Vec<FieldError>,
    source: Option<Source>,
}

impl Error {
    /// Makes an error of this kind. The message says what is wrong, with the allowed value, and
    /// what to do.
    ///
    /// For implementations of the library's traits, such as [`Strategy`](crate::route::Strategy)
    /// and [`Field`](crate::Field).
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            shard: None,
            constraint: None,
            done: Vec::new(),
            failed: Vec::new(),
            fields: Vec::new(),
            source: None,
        }))
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The logical shard on which it occurred, if it is known.
    #[must_use]
    pub fn shard(&self) -> Option<&ShardId> {
        self.0.shard.as_ref()
    }

    /// The violated constraint or index, if the database named it.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// The logical shards on which a call over several of them had succeeded when it failed; see
    /// [`failed_shards`](Self::failed_shards) for the others.
    #[must_use]
    pub fn done_shards(&self) -> &[ShardId] {
        &self.0.done
    }

    /// The logical shards on which a call over several of them failed or was not attempted. A shard
    /// with an unknown outcome is one of these.
    #[must_use]
    pub fn failed_shards(&self) -> &[ShardId] {
        &self.0.failed
    }

    /// The problems that validation found in an [`Invalid`](ErrorKind::Invalid) row; empty for any
    /// other kind.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Returns whether the same call, or the same transaction from its start, may succeed when it
    /// is repeated. False for an unknown outcome: only the caller knows whether it is safe to
    /// repeat that.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Serialization | ErrorKind::Deadlock | ErrorKind::ShardMoved
        )
    }

    /// The message alone, for an error that adds to it.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_constraint(mut self, constraint: Option<String>) -> Self {
        self.0.constraint = constraint;
        self
    }

    /// Adds the shard, unless a lower layer has added one.
    pub(crate) fn on_shard(mut self, group: &str, shard: u32) -> Self {
        if self.0.shard.is_none() {
            self.0.shard = Some(ShardId {
                group: group.to_owned(),
                shard,
            });
        }
        self
    }

    /// Replaces the shard by the server, for a statement that belongs to no logical shard.
    pub(crate) fn on_server(mut self, server: &str) -> Self {
        self.0.shard = None;
        self.0.message = format!("{} (server `{server}`)", self.0.message).into();
        self
    }

    pub(crate) fn with_progress(mut self, done: Vec<ShardId>, failed: Vec<ShardId>) -> Self {
        self.0.done = done;
        self.0.failed = failed;
        self
    }

    /// The error for rows of `model` in which validation found these problems.
    pub(crate) fn invalid(model: &str, fields: Vec<FieldError>) -> Self {
        let listed: Vec<String> = fields.iter().map(FieldError::to_string).collect();
        let message = format!("`{model}` is not written: {}", listed.join("; "));
        let mut error = Self::new(ErrorKind::Invalid, message);
        error.0.fields = fields;
        error
    }

    pub(crate) fn configuration(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    pub(crate) fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    pub(crate) fn decode(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Decode, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.message)?;
        if let Some(shard) = &self.0.shard {
            write!(f, " (shard {shard})")?;
        }
        if !self.0.failed.is_empty() {
            write!(f, "; not done on ")?;
            list(f, &self.0.failed)?;
            write!(f, "; done on ")?;
            list(f, &self.0.done)?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, shards: &[ShardId]) -> fmt::Result {
    if shards.is_empty() {
        return f.write_str("no shard");
    }
    for (position, shard) in shards.iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        write!(f, "{comma}{shard}")?;
    }
    Ok(())
}

/// Shows the text of the error and its sources, as `main` prints them.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.to_string();
        if let Some(constraint) = &self.0.constraint
            && !said.contains(&**constraint)
        {
            said.push_str(&format!(" (constraint `{constraint}`)"));
        }
        f.write_str(&said)?;
        let mut source = self.source();
        while let Some(error) = source {
            // Sources often repeat the message.
            let text = error.to_string();
            if !text.is_empty() && !said.contains(&text) {
                write!(f, "\n  caused by: {text}")?;
                said.push_str(&text);
            }
            source = error.source();
        }
        Ok(())
    }
}

/// Serializes the kind, the message, the shards and the validation problems, for a report or a log.
/// The source is left out.
#[cfg(feature = "serde")]
impl serde::Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;

        let mut error = serializer.serialize_struct("Error", 8)?;
        error.serialize_field("kind", &self.0.kind)?;
        error.serialize_field("message", &self.0.message)?;
        error.serialize_field("shard", &self.0.shard)?;
        error.serialize_field("constraint", &self.0.constraint)?;
        error.serialize_field("is_retryable", &self.is_retryable())?;
        error.serialize_field("done_shards", &self.0.done)?;
        error.serialize_field("failed_shards", &self.0.failed)?;
        error.serialize_field("fields", &self.0.fields)?;
        error.end()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}
/// A list of names for a message.
pub(crate) fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = all.map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() {
        "none".to_owned()
    } else {
        quoted.join(", ")
    }
}
