//! The tokens that are accepted, and whose they are.

use crate::token::Token;

/// The most characters of a name.
const LONGEST: usize = 64;

/// The tokens that are accepted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens(Vec<Holder>);

/// A token, and who has it.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    /// `None` for a token that several people share.
    pub(crate) name: Option<String>,
    pub(crate) token: Token,
}

impl Tokens {
    /// Adds a token, in the place of one of the same name.
    pub(crate) fn add(&mut self, name: Option<String>, token: Token) {
        self.0.retain(|holder| holder.name != name);
        self.0.push(Holder { name, token });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The holder of this token.
    pub(crate) fn holder(&self, text: &str) -> Option<&Holder> {
        self.find(|token| token.is(text))
    }

    /// The holder who has begun this session.
    pub(crate) fn holder_of_session(&self, session: &str) -> Option<&Holder> {
        self.find(|token| token.is_session(session))
    }

    /// Looks at all of them, so that the time says nothing of which one it is.
    fn find(&self, is_it: impl Fn(&Token) -> bool) -> Option<&Holder> {
        let found: Vec<&Holder> = self.0.iter().filter(|one| is_it(&one.token)).collect();
        found.into_iter().next()
    }
}

/// Whether this is a name that events can have.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-@".contains(letter);
    (1..=LONGEST).contains(&name.len()) && name.chars().all(is_allowed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_is_known_by_token_and_session() {
        let token = |text: &str| Token::new(text).unwrap();
        let mut tokens = Tokens::default();
        tokens.add(None, token("0123456789abcdef"));
        tokens.add(Some("ann".to_owned()), token("0123456789abcdeg"));
        tokens.add(Some("ben".to_owned()), token("0123456789abcdeh"));
        let name = |found: Option<&Holder>| found.map(|holder| holder.name.clone());
        for (text, expected) in [
            ("0123456789abcdef", Some(None)),
            ("0123456789abcdeg", Some(Some("ann".to_owned()))),
            ("0123456789abcdeh", Some(Some("ben".to_owned()))),
            ("0123456789abcdei", None),
        ] {
            assert_eq!(name(tokens.holder(text)), expected, "{text}");
            let session = tokens
                .holder(text)
                .map(|holder| holder.token.begin_session());
            let of_session = tokens.holder_of_session(&session.unwrap_or_default());
            assert_eq!(name(of_session), expected, "{text}");
        }
        tokens.add(Some("ann".to_owned()), token("0123456789abcdej"));
        assert_eq!(name(tokens.holder("0123456789abcdeg")), None);
    }

    #[test]
    fn names_are_short_and_plain() {
        for name in ["ann", "ann.b@example.com", "on-call_2", &"a".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "ann b", "a/b", "ann\n", "änn", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
