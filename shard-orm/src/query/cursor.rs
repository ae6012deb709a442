//! The start of a page: the values of the last row before it, as an opaque string.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_query::Value;

use crate::backend::{Args, decode_value, encode_value};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelDef;
use crate::plan::{Nulls, Term};
use crate::route::mix64;

/// The start of a page; see [`Query::page`](super::Query::page).
///
/// Its text form can be part of a URL. It contains values of the last row's columns, unencrypted.
/// When it is used, it is checked against the order of the query.
///
/// ```
/// use shard_orm::query::Cursor;
///
/// let text = "AQAAAAAAAAAA";
/// assert_eq!(text.parse::<Cursor>()?.to_string(), text);
/// # Ok::<(), shard_orm::Error>(())
/// ```
///
/// With the feature `serde`, it is serialized as this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    fingerprint: u64,
    values: Vec<u8>,
}

/// The layout of the bytes under the text.
const VERSION: u8 = 1;

impl Cursor {
    pub(super) fn new(fingerprint: u64, values: &[Value]) -> Result<Self> {
        let mut bytes = Vec::new();
        for value in values {
            encode_value(value, &mut bytes)?;
        }
        Ok(Self {
            fingerprint,
            values: bytes,
        })
    }

    /// A fingerprint of a model and an order.
    pub(super) fn fingerprint(def: &ModelDef, orders: &[Term]) -> u64 {
        let mut hash = 0;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = mix64(hash ^ u64::from(*byte));
            }
            hash = mix64(hash ^ 0x100);
        };
        add(def.table.as_bytes());
        for term in orders {
            add(def.columns[term.ordinal].name.as_bytes());
            add(&[
                u8::from(term.descending),
                match term.nulls {
                    None => 0,
                    Some(Nulls::First) => 1,
                    Some(Nulls::Last) => 2,
                },
            ]);
        }
        hash
    }

    /// The values, in the types of the order's columns, checked for this database.
    pub(super) fn values(
        &self,
        fingerprint: u64,
        def: &ModelDef,
        orders: &[Term],
        dialect: Dialect,
    ) -> Result<Vec<Value>> {
        if fingerprint != self.fingerprint {
            return Err(Error::new(
                ErrorKind::InvalidCursor,
                format!(
                    "the cursor was made for another query than one of `{}` in this order; begin \
                     again at the first page",
                    def.table
                ),
            ));
        }
        let mut rest = self.values.as_slice();
        let mut values = Vec::with_capacity(orders.len());
        for term in orders {
            let column = &def.columns[term.ordinal];
            let value = decode_value(column.codec(), &mut rest).ok_or_else(broken)?;
            // The cursor may come from a program that declares other digits of a decimal.
            let value = column.typed(value).map_err(|_| broken())?;
            // Otherwise the statement would fail later, as if the program had passed the value.
            Args::new(dialect)?
                .push(&value)
                .map_err(|source| broken().with_source(source))?;
            values.push(value);
        }
        if rest.is_empty() {
            Ok(values)
        } else {
            Err(broken())
        }
    }
}

fn broken() -> Error {
    Error::new(
        ErrorKind::InvalidCursor,
        "the cursor cannot be read; begin again at the first page",
    )
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(9 + self.values.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.fingerprint.to_be_bytes());
        bytes.extend_from_slice(&self.values);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| broken())?;
        let (version, rest) = bytes.split_first().ok_or_else(broken)?;
        let (fingerprint, values) = rest.split_first_chunk().ok_or_else(broken)?;
        if *version != VERSION {
            return Err(broken());
        }
        Ok(Self {
            fingerprint: u64::from_be_bytes(*fingerprint),
            values: values.to_vec(),
        })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
