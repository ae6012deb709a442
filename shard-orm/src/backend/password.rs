//! Verifiers of passwords, in the form in which the servers keep them.
//!
//! Made for the statements that create accounts: a server may log these.

use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// What follows a `PASSWORD` or `IDENTIFIED BY` in SQL.
pub(crate) struct Credential {
    pub(super) text: String,
}

impl Credential {
    /// The credential of a password for a server of this version.
    ///
    /// # Errors
    /// `Unsupported` for an empty password, and for one that PostgreSQL would have to normalize.
    pub(crate) fn new(dialect: Dialect, version: &str, password: &str) -> Result<Self> {
        if password.is_empty() {
            return Err(Error::unsupported("the password is empty; choose another"));
        }
        let text = match dialect {
            Dialect::Sqlite => String::new(),
            Dialect::Postgres => {
                if !password.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                    return Err(Error::unsupported(
                        "the password has characters outside of printable ASCII, which clients may \
                         encode differently; choose another",
                    ));
                }
                format!("PASSWORD '{}'", scram(password))
            }
            // MySQL hides passwords in its logs, and its own form of them cannot be made here.
            Dialect::MySql if !version.contains("MariaDB") => {
                let escaped = password.replace('\\', "\\\\").replace('\'', "''");
                format!("IDENTIFIED BY '{escaped}'")
            }
            Dialect::MySql => format!("IDENTIFIED BY PASSWORD '{}'", native(password)),
        };
        Ok(Self { text })
    }

    /// The same SQL without the credential.
    pub(crate) fn hide(&self, sql: &str) -> String {
        if self.text.is_empty() {
            return sql.to_owned();
        }
        let words = self.text.split('\'').next().unwrap_or_default();
        sql.replace(&self.text, &format!("{words}'***'"))
    }
}

/// The verifier of RFC 5803 and RFC 7677, as `pg_authid` holds it.
#[cfg(feature = "postgres")]
fn scram(password: &str) -> String {
    use crate::random::random;

    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&random().to_be_bytes());
    salt[8..].copy_from_slice(&random().to_be_bytes());
    scram_with(password, &salt)
}

/// Its number of iterations: that of PostgreSQL.
#[cfg(feature = "postgres")]
const ITERATIONS: u32 = 4_096;

#[cfg(feature = "postgres")]
fn scram_with(password: &str, salt: &[u8]) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    // PBKDF2 of one block (RFC 2898, section 5.2).
    let mut block = hmac(password.as_bytes(), &[salt, &1_u32.to_be_bytes()]);
    let mut salted = block;
    for _ in 1..ITERATIONS {
        block = hmac(password.as_bytes(), &[&block]);
        for (sum, byte) in salted.iter_mut().zip(block) {
            *sum ^= byte;
        }
    }
    let stored: [u8; 32] = Sha256::digest(hmac(&salted, &[b"Client Key"])).into();
    let server = hmac(&salted, &[b"Server Key"]);
    format!(
        "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored),
        STANDARD.encode(server)
    )
}

#[cfg(feature = "postgres")]
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit as _, Mac as _};

    // Not reached: HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(not(feature = "postgres"))]
fn scram(_password: &str) -> String {
    String::new()
}

/// The hash of `mysql_native_password`: `*` and SHA-1 of SHA-1.
#[cfg(feature = "mysql")]
fn native(password: &str) -> String {
    use std::fmt::Write as _;

    use sha1::{Digest as _, Sha1};

    let hash: [u8; 20] = Sha1::digest(Sha1::digest(password)).into();
    let mut text = "*".to_owned();
    for byte in hash {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(not(feature = "mysql"))]
fn native(_password: &str) -> String {
    String::new()
}

#[cfg(all(test, feature = "postgres", feature = "mysql"))]
mod tests {
    use super::*;

    #[test]
    fn verifiers_are_those_of_the_servers() {
        // Made by Python's `hashlib`.
        assert_eq!(
            scram_with("pencil", b"0123456789abcdef"),
            "SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$nQpbZ77WudtqufPwikHXGRt6g2QJ4zns8bZLw273DRM=:jn2amWP1q1h+jgjy0YTO14S6/F02SV7taipOeB7ef20="
        );
        assert_eq!(
            native("pencil"),
            "*7614BE58636C810A9D8970A50B3B2A78450413E4"
        );
    }

    #[test]
    fn a_credential_is_hidden_in_sql() {
        for (dialect, version) in [
            (Dialect::Postgres, "15.1"),
            (Dialect::MySql, "10.11.1-MariaDB"),
            (Dialect::MySql, "8.4.0"),
        ] {
            let credential = Credential::new(dialect, version, "it's");
            let hidden = credential.map(|one| one.hide(&format!("ALTER USER a {}", one.text)));
            let hidden = hidden.unwrap_or_default();
            assert!(hidden.ends_with("'***'"), "{hidden}");
            assert!(!hidden.contains("it"), "{hidden}");
        }
    }

    #[test]
    fn passwords_that_clients_encode_differently_are_refused() {
        assert!(Credential::new(Dialect::Postgres, "15", "pässword").is_err());
        assert!(Credential::new(Dialect::MySql, "10.11-MariaDB", "pässword").is_ok());
        assert!(Credential::new(Dialect::MySql, "10.11-MariaDB", "").is_err());
    }
}
