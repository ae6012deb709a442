//! Where a page begins: the values of the last row before it, in an opaque text.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_query::Value;

use super::order::{Nulls, Term};
use crate::backend::{Args, decode_value, encode_value};
use crate::error::{Error, Result};
use crate::model::ModelDef;
use crate::route::mix64;

/// Where a page begins; see [`Query::page`](super::Query::page).
///
/// Its text can be put into a link and read back. It holds values of the last row's columns,
/// unencrypted, and is checked against the order that it was made for when it is used.
///
/// ```
/// use shard_orm::Cursor;
///
/// let text = "AQAAAAAAAAAA";
/// assert_eq!(text.parse::<Cursor>()?.to_string(), text);
/// # Ok::<(), shard_orm::Error>(())
/// ```
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

    /// A number that tells the orders of models apart.
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

    /// The values, in the types of the order's columns.
    pub(super) fn values(
        &self,
        fingerprint: u64,
        def: &ModelDef,
        orders: &[Term],
    ) -> Result<Vec<Value>> {
        if fingerprint != self.fingerprint {
            return Err(Error::decode(
                "the cursor was made for another order; begin again at the first page",
            ));
        }
        let mut rest = self.values.as_slice();
        let mut values = Vec::with_capacity(orders.len());
        for term in orders {
            let column = &def.columns[term.ordinal];
            let like = Args::value(column.bind_null)?;
            let value = decode_value(&like, &mut rest).ok_or_else(broken)?;
            // The cursor may come from a program that declares other digits of a decimal.
            values.push(column.typed(value).map_err(|_| broken())?);
        }
        if rest.is_empty() {
            Ok(values)
        } else {
            Err(broken())
        }
    }
}

fn broken() -> Error {
    Error::decode("the cursor cannot be read; begin again at the first page")
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
