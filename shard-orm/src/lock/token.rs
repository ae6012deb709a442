//! The token of a lock's acquisition.

use std::fmt;

use crate::random::random;

/// A token that identifies one acquisition of a lock: 128 random bits, displayed as 32 hexadecimal
/// digits.
///
/// Anyone who knows it can release the lock.
///
/// ```
/// use shard_orm::lock::Token;
///
/// let token = Token::random();
/// assert_eq!(token.to_string().len(), 32);
/// assert_ne!(token, Token::random());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(u64, u64);

impl Token {
    /// A new random token.
    #[must_use]
    pub fn random() -> Self {
        Self(random(), random())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}

impl fmt::Debug for Token {
    /// The first digits: enough to distinguish tokens in a log, too few to release a lock.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:08x}..)", self.0 >> 32)
    }
}
