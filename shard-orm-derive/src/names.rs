//! Names of constants and stored variants, and suggestions for misspelled names.

use syn::Ident;
use syn::ext::IdentExt as _;

/// Returns the name of an identifier without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// Returns the name of a field's constant, with the span of the field.
pub(crate) fn constant(field: &Ident) -> Ident {
    Ident::new(&plain(field).to_uppercase(), field.span())
}

/// The case of stored variant names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Snake,
    Lower,
    ScreamingSnake,
    Pascal,
}

impl Case {
    /// The values of `rename_all`.
    pub(crate) const NAMES: [(&str, Self); 4] = [
        ("snake_case", Self::Snake),
        ("lowercase", Self::Lower),
        ("SCREAMING_SNAKE_CASE", Self::ScreamingSnake),
        ("PascalCase", Self::Pascal),
    ];

    /// Converts a variant's name to its stored form.
    pub(crate) fn apply(self, variant: &str) -> String {
        match self {
            Self::Snake => snake(variant),
            Self::Lower => variant.to_lowercase(),
            Self::ScreamingSnake => snake(variant).to_uppercase(),
            Self::Pascal => variant.to_owned(),
        }
    }
}

/// `OutOfStock` -> `out_of_stock`, `HTTPError` -> `http_error`, `Http2` -> `http2`.
fn snake(variant: &str) -> String {
    let letters: Vec<char> = variant.chars().collect();
    let mut out = String::with_capacity(variant.len() + 4);
    for (place, letter) in letters.iter().enumerate() {
        if letter.is_uppercase() && place > 0 {
            let before = letters[place - 1];
            let word_begins = letters
                .get(place + 1)
                .is_some_and(|next| next.is_lowercase());
            if before != '_' && (!before.is_uppercase() || word_begins) {
                out.push('_');
            }
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// Returns the candidate with the smallest edit distance to `word`, if it is close enough.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (place, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

/// `a`, `b` and `c`, each as code.
pub(crate) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_identifier_gives_a_plain_constant() {
        let field: Ident = syn::parse_quote!(r#type);
        assert_eq!(constant(&field).to_string(), "TYPE");
    }

    #[test]
    fn snake_case_keeps_acronyms_and_numbers_together() {
        for (variant, stored) in [
            ("New", "new"),
            ("OutOfStock", "out_of_stock"),
            ("HTTPError", "http_error"),
            ("Http2Error", "http2_error"),
            ("A", "a"),
            ("Over_Due", "over_due"),
        ] {
            assert_eq!(Case::Snake.apply(variant), stored);
        }
    }

    #[test]
    fn only_similar_names_are_suggested() {
        let words = ["group", "database", "table"];
        assert_eq!(nearest("tabel", words), Some("table"));
        assert_eq!(nearest("gruop", words), Some("group"));
        assert_eq!(nearest("x", words), None);
        assert_eq!(nearest("whatever", words), None);
    }

    #[test]
    fn a_list_reads_like_a_sentence() {
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
