//! Checks the parsed input and converts it to the form that `expand` generates code from.

mod column;
mod decimal;
mod enumeration;
mod generate;
mod index;
mod location;
mod model;
mod relation;
mod static_location;
mod wrapper;

pub(crate) use column::{Column, DefaultValue, Stamp};
pub(crate) use enumeration::{Enumeration, Stored, enumeration};
pub(crate) use generate::Generate;
pub(crate) use index::Index;
pub(crate) use location::Location;
pub(crate) use model::{Model, model};
pub(crate) use relation::Relation;
pub(crate) use static_location::{Groups, StaticLocation};
pub(crate) use wrapper::{key, wrapper};

use syn::LitStr;

use crate::errors::Errors;

/// The maximum length of table and column names. PostgreSQL truncates longer names.
const LONGEST_NAME_BYTES: usize = 63;

/// Returns the problem with a table or column name, if there is one.
fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("the name is empty".to_owned())
    } else if name.len() > LONGEST_NAME_BYTES {
        Some(format!(
            "the name has {} bytes; PostgreSQL allows at most {LONGEST_NAME_BYTES}",
            name.len()
        ))
    } else if name.contains(char::is_control) {
        Some("the name contains a control character".to_owned())
    } else {
        None
    }
}

/// Checks the name of a group or database, which refers to the configuration.
fn configured_name(name: &LitStr, errors: &mut Errors) {
    if name.value().is_empty() {
        errors.at(name, "the name is empty");
    }
}
