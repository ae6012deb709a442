//! The position up to which a copy has its source's changes.

use sea_query::Value;

use super::keys::{text_of, values_from};
use crate::error::{Error, Result};
use crate::schema::TableDef;

/// A place in a feed of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Mark {
    /// The number of the transaction on PostgreSQL; 0 on other databases.
    pub(crate) transaction: u64,
    /// The number of the entry.
    pub(crate) entry: i64,
}

/// The position up to which a copy has its source's changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Position {
    /// In a feed of changes, during the initial copy: rows are copied in the order of their primary key,
    /// up to this one; changes since the mark follow.
    Copying {
        from: Mark,
        done: Option<Vec<Value>>,
    },
    /// In a feed of changes: all entries up to this one are done.
    Followed(Mark),
    /// By a watermark column: all rows up to this transaction (PostgreSQL), or value of the column, and
    /// primary key are done.
    Ordered {
        transaction: u64,
        values: Vec<Value>,
    },
    /// All rows were compared.
    Compared,
}

impl Mark {
    fn text(self) -> String {
        format!("{}.{}", self.transaction, self.entry)
    }

    fn parse(text: &str) -> Option<Self> {
        let (transaction, entry) = text.split_once('.')?;
        Some(Self {
            transaction: transaction.parse().ok()?,
            entry: entry.parse().ok()?,
        })
    }
}

impl Position {
    /// The stored form.
    pub(crate) fn text(&self) -> Result<String> {
        Ok(match self {
            Self::Copying { from, done: None } => format!("copying {}", from.text()),
            Self::Copying {
                from,
                done: Some(key),
            } => format!("copying {} {}", from.text(), text_of(key)?),
            Self::Followed(mark) => format!("followed {}", mark.text()),
            Self::Ordered {
                transaction,
                values: cells,
            } => format!("ordered {transaction} {}", text_of(cells)?),
            Self::Compared => "compared".to_owned(),
        })
    }

    /// Reads the stored form; `ordered` are the ordinals of the columns of [`Ordered`](Self::Ordered).
    pub(crate) fn parse(text: &str, table: &TableDef, ordered: &[usize]) -> Result<Self> {
        Self::read(text, table, ordered).ok_or_else(|| {
            Error::decode(format!(
                "the position of table `{}` in `shard_orm_sync` cannot be read; set it to NULL, and \
                 the copy is compared anew",
                table.name
            ))
        })
    }

    fn read(text: &str, table: &TableDef, ordered: &[usize]) -> Option<Self> {
        let mut words = text.split(' ');
        let position = match words.next()? {
            "copying" => Self::Copying {
                from: Mark::parse(words.next()?)?,
                done: match words.next() {
                    Some(text) => Some(values_from(text, table, &table.primary_key)?),
                    None => None,
                },
            },
            "followed" => Self::Followed(Mark::parse(words.next()?)?),
            "ordered" => Self::Ordered {
                transaction: words.next()?.parse().ok()?,
                values: values_from(words.next()?, table, ordered)?,
            },
            "compared" => Self::Compared,
            _ => return None,
        };
        words.next().is_none().then_some(position)
    }
}
