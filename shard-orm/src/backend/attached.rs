//! The file of static tables that is attached to a connection to a SQLite file.
//!
//! It is attached for reading alone: a statement or a transaction that writes takes no lock on it.
//! Other databases reach a second schema or database by its qualified name.

#![cfg_attr(not(feature = "sqlite"), allow(dead_code))]

use std::path::PathBuf;

/// An attached file.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    /// The name under which statements find its tables.
    pub(super) name: String,
    pub(super) file: PathBuf,
}

impl Attached {
    pub(crate) fn new(name: &str, file: PathBuf) -> Self {
        let name = name.to_owned();
        Self { name, file }
    }

    /// Whether the file is there.
    pub(super) fn exists(&self) -> bool {
        self.file.exists()
    }

    /// `ATTACH`, for reading. The name is one of a namespace, which needs no escapes.
    #[cfg(feature = "sqlite")]
    pub(super) fn attach(&self) -> Option<String> {
        let uri = uri(self.file.to_str()?);
        Some(format!("ATTACH '{uri}' AS `{}`", self.name))
    }
}

/// The statement that attaches a file of SQLite under a name, for reading. `None` if its path is no text.
#[cfg(feature = "reshard")]
pub(crate) fn attach_for_reading(name: &str, file: &std::path::Path) -> Option<String> {
    #[cfg(feature = "sqlite")]
    return Attached::new(name, file.to_owned()).attach();
    #[cfg(not(feature = "sqlite"))]
    {
        let _ = (name, file);
        None
    }
}

/// The URI of a file that is only read: "Uniform Resource Identifiers" in SQLite's documentation.
#[cfg(feature = "sqlite")]
fn uri(file: &str) -> String {
    use std::fmt::Write as _;

    let mut uri = String::from("file:");
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(char::from(byte));
            }
            // Writing to a text does not fail.
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri.push_str("?mode=ro");
    uri
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_nothing_that_means_something_in_a_uri_or_in_sql() {
        let attached = Attached::new("shop_static", PathBuf::from("/data/o'neil/50% ?#é.db"));
        assert_eq!(
            attached.attach().as_deref(),
            Some("ATTACH 'file:/data/o%27neil/50%25%20%3F%23%C3%A9.db?mode=ro' AS `shop_static`")
        );
    }
}
