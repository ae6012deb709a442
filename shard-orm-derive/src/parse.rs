//! Parses the input of each derive, without checking it.

mod derive;
mod enumeration;
mod model;
mod projection;
mod relation;
mod wrapper;

pub(crate) use derive::{SHARDED, STATIC};
pub(crate) use enumeration::{Enumeration, enumeration};
pub(crate) use model::{Field, Index, Model, model};
pub(crate) use projection::{Projection, projection};
pub(crate) use relation::Kind as RelationKind;
pub(crate) use wrapper::{Wrapper, wrapper};

use syn::{Data, DeriveInput, Fields, FieldsNamed};

use crate::errors::Errors;

/// Returns the named fields of a struct, and reports any other input.
fn named_fields<'i>(
    input: &'i DeriveInput,
    derive: &str,
    errors: &mut Errors,
) -> Option<&'i FieldsNamed> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Some(fields),
            Fields::Unnamed(_) | Fields::Unit => errors.at(
                &input.ident,
                format!("`{derive}` requires a struct with named fields: each field is a column"),
            ),
        },
        Data::Enum(_) | Data::Union(_) => errors.at(
            &input.ident,
            format!("`{derive}` requires a struct with named fields, not an enum or a union"),
        ),
    }
    None
}

/// Rejects type parameters and lifetimes.
fn no_generics(input: &DeriveInput, derive: &str, errors: &mut Errors) {
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics.params,
            format!("`{derive}` does not support generic parameters"),
        );
    }
}
