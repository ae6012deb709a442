//! Reads the input of each derive into what it says, before it is judged.

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

/// The named fields of a struct; anything else is a mistake.
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
                format!("`{derive}` needs a struct with named fields: each is a column"),
            ),
        },
        Data::Enum(_) | Data::Union(_) => errors.at(
            &input.ident,
            format!("`{derive}` needs a struct with named fields, not an enum or a union"),
        ),
    }
    None
}

/// Refuses type parameters and lifetimes.
fn no_generics(input: &DeriveInput, derive: &str, errors: &mut Errors) {
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics.params,
            format!("`{derive}` takes no generic parameters: what is stored is one type"),
        );
    }
}
