//! Ids as strings in JSON, for clients like JavaScript whose numbers are exact only up to 2^53.
//!
//! Use `#[serde(with = "shard_orm::id::text")]` on a field, or `shard_orm::id::text::option` on an
//! `Option`. Strings are written; strings and numbers are read. Binary formats keep the number.
//!
//! ```
//! # #[cfg(feature = "json")]
//! # fn main() -> Result<(), serde_json::Error> {
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Order {
//!     #[serde(with = "shard_orm::id::text")]
//!     id: i64,
//!     #[serde(with = "shard_orm::id::text::option")]
//!     parent: Option<i64>,
//! }
//!
//! let order: Order = serde_json::from_str(r#"{"id": "181190950180423594", "parent": null}"#)?;
//! assert_eq!(order.id, 181_190_950_180_423_594);
//! assert_eq!(serde_json::to_string(&order)?, r#"{"id":"181190950180423594","parent":null}"#);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "json"))]
//! # fn main() {}
//! ```

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

use crate::model::GeneratedId;

/// Writes an id.
///
/// # Errors
/// The format's error.
pub fn serialize<I: GeneratedId<i64>, S: Serializer>(id: &I, to: S) -> Result<S::Ok, S::Error> {
    let id = id.to_id();
    if to.is_human_readable() {
        to.collect_str(&id)
    } else {
        to.serialize_i64(id)
    }
}

/// Reads an id.
///
/// # Errors
/// The format's error, and an error for a string that is not a 64-bit integer.
pub fn deserialize<'de, I: GeneratedId<i64>, D: Deserializer<'de>>(from: D) -> Result<I, D::Error> {
    if from.is_human_readable() {
        from.deserialize_any(IdVisitor(PhantomData))
    } else {
        i64::deserialize(from).map(I::from_id)
    }
}

struct IdVisitor<I>(PhantomData<I>);

impl<I: GeneratedId<i64>> Visitor<'_> for IdVisitor<I> {
    type Value = I;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id, as a string or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<I, E> {
        text.parse()
            .map(I::from_id)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: Error>(self, id: i64) -> Result<I, E> {
        Ok(I::from_id(id))
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<I, E> {
        i64::try_from(id)
            .map(I::from_id)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(id), &self))
    }
}

/// The same for an optional id.
pub mod option {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    use crate::model::GeneratedId;

    /// Writes an optional id.
    ///
    /// # Errors
    /// The format's error.
    #[allow(clippy::ref_option)] // The form that serde asks for.
    pub fn serialize<I: GeneratedId<i64>, S: Serializer>(
        id: &Option<I>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => to.serialize_some(&Text(id)),
            None => to.serialize_none(),
        }
    }

    /// Reads an optional id.
    ///
    /// # Errors
    /// As [`deserialize`](super::deserialize).
    pub fn deserialize<'de, I: GeneratedId<i64>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<I>, D::Error> {
        from.deserialize_option(OptionVisitor(PhantomData))
    }

    struct Text<'i, I>(&'i I);

    impl<I: GeneratedId<i64>> serde::Serialize for Text<'_, I> {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            super::serialize(self.0, to)
        }
    }

    struct OptionVisitor<I>(PhantomData<I>);

    impl<'de, I: GeneratedId<i64>> Visitor<'de> for OptionVisitor<I> {
        type Value = Option<I>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an id, as a string or a number, or none")
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
            super::deserialize(from).map(Some)
        }
    }
}

#[cfg(all(test, feature = "json"))]
#[allow(clippy::unwrap_used)]
mod tests {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Ids {
        #[serde(with = "super")]
        id: i64,
        #[serde(with = "super::option", default)]
        other: Option<i64>,
    }

    #[test]
    fn ids_beyond_the_numbers_of_javascript_round_trip() {
        for id in [0, 9_007_199_254_740_993, i64::MAX] {
            let ids = Ids {
                id,
                other: Some(id),
            };
            let text = serde_json::to_string(&ids).unwrap();
            assert_eq!(text, format!(r#"{{"id":"{id}","other":"{id}"}}"#));
            assert_eq!(serde_json::from_str::<Ids>(&text).unwrap(), ids);
        }
    }

    #[test]
    fn numbers_are_read_and_other_strings_are_rejected() {
        let read = |text: &str| serde_json::from_str::<Ids>(text).map(|ids| (ids.id, ids.other));
        assert_eq!(read(r#"{"id":7}"#).unwrap(), (7, None));
        assert_eq!(read(r#"{"id":"7","other":8}"#).unwrap(), (7, Some(8)));
        for wrong in [
            r#"{"id":"seven"}"#,
            r#"{"id":""}"#,
            r#"{"id":9223372036854775808}"#,
            r#"{"id":"9223372036854775808"}"#,
            r#"{"id":7.0}"#,
            r#"{"id":null}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
