//! Up to where a copy has its source's changes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_query::Value;

use super::keys::bytes_of;
use crate::backend::decode_value;
use crate::error::{Error, Result};
use crate::model::ModelDef;

/// How far a log of changes, or a transaction counter, has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Mark {
    /// PostgreSQL's number of the transaction; 0 on other databases.
    pub(super) transaction: u64,
    /// The number of the entry.
    pub(super) entry: i64,
}

/// Up to where a copy has its source's changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Position {
    /// Of a log of changes: rows are being copied in the order of their primary key, up to this one;
    /// what has changed since the mark comes after that.
    Copying {
        from: Mark,
        done: Option<Vec<Value>>,
    },
    /// Of a log of changes: all entries up to this one are done.
    Followed(Mark),
    /// Of a criterion: all rows up to this transaction (PostgreSQL), or value of the criterion, and
    /// primary key are done.
    Ordered {
        transaction: u64,
        values: Vec<Value>,
    },
    /// All was compared.
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
    /// Written down.
    pub(super) fn text(&self) -> Result<String> {
        let values =
            |values: &[Value]| -> Result<String> { Ok(URL_SAFE_NO_PAD.encode(bytes_of(values)?)) };
        Ok(match self {
            Self::Copying { from, done: None } => format!("copying {}", from.text()),
            Self::Copying {
                from,
                done: Some(key),
            } => format!("copying {} {}", from.text(), values(key)?),
            Self::Followed(mark) => format!("followed {}", mark.text()),
            Self::Ordered {
                transaction,
                values: cells,
            } => format!("ordered {transaction} {}", values(cells)?),
            Self::Compared => "compared".to_owned(),
        })
    }

    /// Read back; `criterion` are the ordinals of the columns that [`Ordered`](Self::Ordered) is by.
    pub(super) fn parse(text: &str, def: &ModelDef, criterion: &[usize]) -> Result<Self> {
        Self::read(text, def, criterion).ok_or_else(|| {
            Error::decode(format!(
                "the position of table `{}` in `shard_orm_sync` cannot be read; set it to NULL, and \
                 the copy is compared anew",
                def.table
            ))
        })
    }

    fn read(text: &str, def: &ModelDef, criterion: &[usize]) -> Option<Self> {
        let mut words = text.split(' ');
        let position = match words.next()? {
            "copying" => Self::Copying {
                from: Mark::parse(words.next()?)?,
                done: match words.next() {
                    Some(text) => Some(values(text, def, def.primary_key)?),
                    None => None,
                },
            },
            "followed" => Self::Followed(Mark::parse(words.next()?)?),
            "ordered" => Self::Ordered {
                transaction: words.next()?.parse().ok()?,
                values: values(words.next()?, def, criterion)?,
            },
            "compared" => Self::Compared,
            _ => return None,
        };
        words.next().is_none().then_some(position)
    }
}

/// Values of these columns.
fn values(text: &str, def: &ModelDef, ordinals: &[usize]) -> Option<Vec<Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let mut rest = bytes.as_slice();
    let values = ordinals
        .iter()
        .map(|ordinal| decode_value(def.columns[*ordinal].codec(), &mut rest))
        .collect::<Option<Vec<Value>>>()?;
    rest.is_empty().then_some(values)
}
