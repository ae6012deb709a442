//! The values of labels.

use crate::error::ErrorKind;

pub(super) fn role(replica: bool) -> &'static str {
    if replica { "replica" } else { "primary" }
}

/// The kind of an error in lower case, as in its serialized form: `pool_exhausted`.
pub(super) fn kind(kind: ErrorKind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_in_lower_case() {
        assert_eq!(kind(ErrorKind::PoolExhausted), "pool_exhausted");
        assert_eq!(kind(ErrorKind::Unique), "unique");
    }

    #[test]
    fn each_kind_has_its_place() {
        for (place, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
