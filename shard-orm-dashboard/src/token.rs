//! The secret that a viewer has to know, and what follows from it: sessions, and the values of forms. Compared in
//! constant time, and never shown.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The fewest characters of a token.
const SHORTEST: usize = 16;
/// The most characters of a token.
const LONGEST: usize = 1_024;
/// What is signed for the key of sessions.
const SESSION: &[u8] = b"shard-orm dashboard: session";
/// The longest session, in bytes.
const LONGEST_SESSION: usize = 128;
/// What the text begins with that is signed for the forms of a session. No number of a session begins so.
const FORM: &str = "form ";
/// The key under which tokens are compared.
const COMPARISON: &[u8] = b"shard-orm dashboard: comparison";

/// The secret that every request must carry, in the header `Authorization: Bearer ..` or as the cookie that the
/// login form sets.
///
/// ```
/// use shard_orm_dashboard::Token;
///
/// assert!(Token::new("4f1d7a1c90be5523aa07").is_ok());
/// assert!(Token::new("secret").is_err());
/// ```
#[derive(Clone)]
pub struct Token {
    /// The authentication code of the token.
    code: [u8; 32],
    /// The key with which sessions and forms are signed. It follows from the token and does not reveal it.
    key: [u8; 32],
}

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// It has fewer than 16 characters, or more than 1,024.
    Length,
    /// It has spaces, or characters that a header cannot carry.
    Characters,
    /// The name of its holder is not 1 to 64 ASCII letters, digits, `_`, `.`, `-` and `@`.
    Name,
}

impl Token {
    /// A token of 16 to 1,024 visible ASCII characters. Whoever can guess it can read the page: draw it at
    /// random, as with `openssl rand -hex 32`.
    ///
    /// # Errors
    /// If it is too short, too long, or has other characters.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        if !(SHORTEST..=LONGEST).contains(&text.len()) {
            return Err(TokenError::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        Ok(Self {
            code: code(COMPARISON, text.as_bytes()),
            key: code(text.as_bytes(), SESSION),
        })
    }

    /// The token in a file; white space around it does not count.
    ///
    /// # Errors
    /// If the file cannot be read, or its text is not a token: `InvalidData`.
    pub fn from_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let token = Self::new(text.trim());
        token.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Whether this is the token.
    pub(crate) fn is(&self, text: &str) -> bool {
        // The comparison of the codes takes the same time wherever they differ.
        text.len() <= LONGEST
            && mac(COMPARISON, text.as_bytes())
                .verify_slice(&self.code)
                .is_ok()
    }

    /// A new session, for the cookie of a viewer who has logged in: a number that no other one has, with its code.
    pub(crate) fn begin_session(&self) -> String {
        let number = unique();
        format!("{number}.{}", self.sign(&number))
    }

    /// Whether this is a session.
    pub(crate) fn is_session(&self, text: &str) -> bool {
        text.len() <= LONGEST_SESSION
            && text
                .split_once('.')
                .is_some_and(|(number, code)| !number.contains(' ') && self.is_signed(number, code))
    }

    /// What the forms of a session carry. Requests without a cookie have the session of an empty text.
    pub(crate) fn form(&self, session: &str) -> String {
        self.sign(&format!("{FORM}{session}"))
    }

    /// Whether this is what the forms of a session carry.
    pub(crate) fn is_form(&self, session: &str, text: &str) -> bool {
        self.is_signed(&format!("{FORM}{session}"), text)
    }

    fn sign(&self, text: &str) -> String {
        let code = code(&self.key, text.as_bytes());
        code.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn is_signed(&self, text: &str, given: &str) -> bool {
        let own = self.sign(text);
        mac(COMPARISON, given.as_bytes())
            .verify_slice(&code(COMPARISON, own.as_bytes()))
            .is_ok()
    }
}

/// A text that no other session has. It need not be secret: the code after it is.
fn unique() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = since.map_or(0, |since| since.as_nanos());
    // Each state has keys of its own, from the random numbers of the operating system.
    let random = RandomState::new().hash_one(nanoseconds);
    format!("{nanoseconds:x}{random:016x}")
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    #[allow(clippy::expect_used)] // HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac
}

fn code(key: &[u8], text: &[u8]) -> [u8; 32] {
    mac(key, text).finalize().into_bytes().into()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => {
                "the token must have 16 to 1,024 characters; draw one with `openssl rand -hex 32`"
            }
            Self::Name => {
                "the name of a token's holder must be 1 to 64 ASCII letters, digits, `_`, `.`, `-` and `@`"
            }
            Self::Characters => {
                "the token has spaces or characters that are not ASCII; draw one with `openssl rand -hex 32`"
            }
        })
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_and_its_cookie_are_accepted() {
        let token = Token::new("0123456789abcdef").ok();
        let token = token.as_ref();
        let is = |text: &str| token.is_some_and(|token| token.is(text));
        assert!(is("0123456789abcdef"));
        for other in [
            "",
            "0123456789abcdeF",
            "0123456789abcde",
            "0123456789abcdef0",
        ] {
            assert!(!is(other), "{other}");
        }
        let session = token.map(Token::begin_session).unwrap_or_default();
        assert!(token.is_some_and(|token| token.is_session(&session) && !token.is(&session)));
        assert!(token.is_some_and(|token| token.begin_session() != session));
        for other in [
            "",
            ".",
            "0123456789abcdef",
            &session[1..],
            &format!("{session}0"),
        ] {
            assert!(
                token.is_some_and(|token| !token.is_session(other)),
                "{other}"
            );
        }
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn a_form_belongs_to_one_session() {
        let token = Token::new("0123456789abcdef");
        let is_form = |session: &str, of: &str| {
            token
                .as_ref()
                .is_ok_and(|token| token.is_form(session, &token.form(of)))
        };
        assert!(is_form("one", "one") && is_form("", ""));
        assert!(!is_form("one", "other") && !is_form("one", "") && !is_form("", "one"));
        // Nor is it a session.
        let form = token.as_ref().map(|token| token.form("one"));
        let session = form.unwrap_or_default();
        let session = format!("form one.{session}");
        assert!(token.is_ok_and(|token| !token.is_session(&session)));
    }
}
