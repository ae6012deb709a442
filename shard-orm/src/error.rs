//! The one error of the library: what went wrong, on which shard, and what to do.
//!
//! Made in every layer. A database's own codes become an [`ErrorKind`] in `connect::backend`.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

mod field;

pub use field::FieldError;

/// A result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// What went wrong, alike for all databases.
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
    /// The row that was asked for is not there.
    NotFound,
    /// A unique index or primary key holds that value already.
    Unique,
    /// A foreign key points nowhere, or something still points to the row.
    ForeignKey,
    /// NULL in a column that does not take it.
    NotNull,
    /// A CHECK constraint, or the type of the column, refuses the value.
    Check,
    /// The database could not order this transaction among others, or a table was altered since one of
    /// its statements was prepared. Retryable.
    Serialization,
    /// The database ended a circle of transactions that waited for each other. Retryable.
    Deadlock,
    /// A statement, a lock or a connection took longer than its limit.
    Timeout,
    /// No connection of the pool came free within the acquire timeout.
    PoolExhausted,
    /// The server is not there, refuses the connection, or went away before anything was sent; or the
    /// answer to a read broke off.
    Unavailable,
    /// The database, the server or the transaction takes no writes.
    ReadOnly,
    /// The server's disk, or the table, has no room for what was written.
    StorageFull,
    /// The logical shard lives at another place now. Retryable.
    ShardMoved,
    /// The table or column does not exist in that namespace.
    UndefinedTable,
    /// Another run of the same task has begun since, and this one may not go on.
    Fenced,
    /// No logical shard owns that key.
    NoShardForKey,
    /// One call or transaction would touch more than its one logical shard.
    CrossShard,
    /// The transaction is running another statement.
    TransactionBusy,
    /// The transaction has ended, or the database has rolled it back.
    TransactionEnded,
    /// The model's own validation refuses the row; see [`fields`](Error::fields).
    Invalid,
    /// The write was carried out and stays, and then a hook of the model failed: the source.
    AfterHook,
    /// A value that came back does not fit the type that was asked for.
    Decode,
    /// A text is no [`Cursor`](crate::Cursor), or one of another query. It came from a client: an
    /// answer of 400, not 500.
    InvalidCursor,
    /// A text is no token of a [`Session`](crate::Session). It came from a client.
    InvalidToken,
    /// The database or the library does not do that.
    Unsupported,
    /// The configuration, or what it says of a server, is wrong.
    Configuration,
    /// The answer to a write or a COMMIT was lost after it was sent: it may have happened.
    OutcomeUnknown,
    /// The database reported something that has no kind of its own; see the source.
    Database,
}

impl ErrorKind {
    /// Whether it may say that what was asked for has moved away. Nothing was done then.
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

/// One logical shard of one group, as errors and reports name it.
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
    /// An error of this kind with a message that says what was asked, what was found, what to do.
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

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The logical shard on which it went wrong, where there is one.
    #[must_use]
    pub fn shard(&self) -> Option<&ShardId> {
        self.0.shard.as_ref()
    }

    /// The constraint or index that the database named, where it named one.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// The logical shards on which a call over several of them had been carried out when it
    /// failed; see [`failed_shards`](Self::failed_shards) for the others.
    #[must_use]
    pub fn done_shards(&self) -> &[ShardId] {
        &self.0.done
    }

    /// The logical shards on which a call over several of them was not carried out. One whose
    /// outcome is unknown counts here.
    #[must_use]
    pub fn failed_shards(&self) -> &[ShardId] {
        &self.0.failed
    }

    /// What the model's validation found, of an [`Invalid`](ErrorKind::Invalid) row; empty for any
    /// other kind.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Whether the same call, or the same transaction from its start, may succeed when it is
    /// made again. False for an unknown outcome: whether that may be repeated is known to the
    /// caller alone.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Serialization | ErrorKind::Deadlock | ErrorKind::ShardMoved
        )
    }

    /// The message alone, for an error that says more around it.
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

    /// Names the shard, unless a deeper layer has named it.
    pub(crate) fn on_shard(mut self, group: &str, shard: u32) -> Self {
        if self.0.shard.is_none() {
            self.0.shard = Some(ShardId {
                group: group.to_owned(),
                shard,
            });
        }
        self
    }

    /// Names the server in the place of a logical shard, of a statement that is of none.
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

/// Reads like the text of the error, with the errors behind it: `main` shows it so.
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
            // Sources often repeat what has been said.
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

/// Data for a report or a log: the kind, the text, the shards, and what validation found. What stands
/// behind it is left out.
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
