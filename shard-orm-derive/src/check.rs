//! Finds every mistake in what was read, and makes of it what the code is written from.

mod column;
mod copied;
mod decimal;
mod enumeration;
mod generate;
mod home;
mod index;
mod model;
mod relation;
mod wrapper;

pub(crate) use column::{Column, DefaultValue, Stamp};
pub(crate) use copied::{Copied, Groups};
pub(crate) use enumeration::{Enumeration, Stored, enumeration};
pub(crate) use generate::Generate;
pub(crate) use home::Home;
pub(crate) use index::Index;
pub(crate) use model::{Model, model};
pub(crate) use relation::Relation;
pub(crate) use wrapper::{key, wrapper};

use syn::LitStr;

use crate::errors::Errors;

/// The longest name of a table or column that every database takes: PostgreSQL cuts longer ones.
const LONGEST_NAME_BYTES: usize = 63;

/// What is wrong with the name of a table or column.
fn name_mistake(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("a name cannot be empty".to_owned())
    } else if name.len() > LONGEST_NAME_BYTES {
        Some(format!(
            "a name has at most {LONGEST_NAME_BYTES} bytes, which is all that PostgreSQL keeps; \
             this has {}",
            name.len()
        ))
    } else if name.contains(char::is_control) {
        Some("a name cannot hold a control character".to_owned())
    } else {
        None
    }
}

/// Checks the name of a group or database, which the configuration knows.
fn configured_name(name: &LitStr, errors: &mut Errors) {
    if name.value().is_empty() {
        errors.at(name, "a name cannot be empty");
    }
}
