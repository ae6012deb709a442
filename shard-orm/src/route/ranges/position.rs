//! The positions that ranges divide: the hashes of keys, or the keys themselves.

use std::fmt;

/// A position in the space that [`Ranges`](super::Ranges) divide: a hash (`u64`) or a key (`i64`).
///
/// ```
/// use shard_orm::route::{Position, RangesError, Ranges};
///
/// fn ranges_of_each_shard<T: Position>(ranges: &Ranges<T>) -> Vec<usize> {
///     let shards = ranges.shards().into_iter();
///     shards.map(|shard| ranges.of(shard).count()).collect()
/// }
///
/// let ranges = Ranges::new([(i64::MIN, 0), (0, 1), (1_000, 0)])?;
/// assert_eq!(ranges_of_each_shard(&ranges), [2, 1]);
/// # Ok::<(), RangesError>(())
/// ```
pub trait Position: Copy + Ord + fmt::Debug + Sealed + Send + Sync + 'static {
    /// The first position.
    #[doc(hidden)]
    const FIRST: Self;
    /// The last position.
    #[doc(hidden)]
    const LAST: Self;
    /// The notation of a position, for messages.
    #[doc(hidden)]
    const NOTATION: &'static str;

    /// A number with the same order.
    #[doc(hidden)]
    fn to_number(self) -> u64;

    /// The position of such a number.
    #[doc(hidden)]
    fn from_number(number: u64) -> Self;

    /// The position before this one, which is not the first.
    #[doc(hidden)]
    #[must_use]
    fn before(self) -> Self;

    /// The position after this one, which is not the last.
    #[doc(hidden)]
    #[must_use]
    fn after(self) -> Self;

    /// Reads the notation of a position.
    #[doc(hidden)]
    fn parse(text: &str) -> Option<Self>;

    /// Writes the notation of a position.
    #[doc(hidden)]
    fn notation(self) -> String;
}

/// Closes [`Position`] to other types.
pub trait Sealed {}

impl Sealed for u64 {}
impl Sealed for i64 {}

/// A hash, written with 16 hexadecimal digits, so that the order of texts is the order of hashes.
impl Position for u64 {
    const FIRST: Self = Self::MIN;
    const LAST: Self = Self::MAX;
    const NOTATION: &'static str = "a hash; write 16 hexadecimal digits, as in 4000000000000000";

    #[inline]
    fn to_number(self) -> u64 {
        self
    }

    fn from_number(number: u64) -> Self {
        number
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }

    fn after(self) -> Self {
        self.saturating_add(1)
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits
            .then(|| Self::from_str_radix(text, 16).ok())
            .flatten()
    }

    fn notation(self) -> String {
        format!("{self:016x}")
    }
}

/// A key, written as a whole number; the lowest of all is `min`.
impl Position for i64 {
    const FIRST: Self = Self::MIN;
    const LAST: Self = Self::MAX;
    const NOTATION: &'static str = "a key; write a whole number, or `min` for the lowest";

    #[inline]
    fn to_number(self) -> u64 {
        self.cast_unsigned() ^ (1 << 63)
    }

    fn from_number(number: u64) -> Self {
        (number ^ (1 << 63)).cast_signed()
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }

    fn after(self) -> Self {
        self.saturating_add(1)
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "min" => Some(Self::MIN),
            _ => text.parse().ok(),
        }
    }

    fn notation(self) -> String {
        match self {
            Self::MIN => "min".to_owned(),
            key => key.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Position;

    proptest! {
        #[test]
        fn notation_and_order_round_trip(hash in any::<u64>(), key in any::<i64>(), other in any::<i64>()) {
            prop_assert_eq!(u64::parse(&hash.notation()), Some(hash));
            prop_assert_eq!(i64::parse(&key.notation()), Some(key));
            prop_assert_eq!(key.cmp(&other), key.to_number().cmp(&other.to_number()));
        }
    }

    #[test]
    fn only_the_notation_is_read() {
        assert_eq!(u64::parse("00000000000000FF"), Some(255));
        for text in [
            "",
            "ff",
            "+0000000000000ff",
            "0x000000000000ff",
            "00000000000000fg",
        ] {
            assert_eq!(u64::parse(text), None, "{text}");
        }
        assert_eq!(i64::parse("min"), Some(i64::MIN));
        assert_eq!(i64::parse("-9223372036854775808"), Some(i64::MIN));
        for text in ["", "max", "1e3", "9223372036854775808", "1_000"] {
            assert_eq!(i64::parse(text), None, "{text}");
        }
    }
}
