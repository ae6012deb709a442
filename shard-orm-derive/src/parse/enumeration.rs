//! Parses an enum: the other input of `ShardField`.

use syn::{Data, DeriveInput, Expr, Fields, Ident, LitStr, Path};

use super::no_generics;
use crate::attr::{Attrs, Keyword, OptionalValue, SHARD, Vocabulary};
use crate::errors::Errors;

const ENUM: Vocabulary = Vocabulary {
    attribute: SHARD,
    target: "a stored enum",
    keywords: &[
        Keyword::new("rename_all", "rename_all = \"snake_case\""),
        Keyword::new("integer", "integer` or `integer = \"i16\""),
        Keyword::new("crate", "crate = \"path\""),
    ],
};

const VARIANT: Vocabulary = Vocabulary {
    attribute: SHARD,
    target: "a variant of a stored enum",
    keywords: &[Keyword::new("rename", "rename = \"name\"")],
};

/// An enum that is stored in a column.
#[derive(Debug)]
pub(crate) struct Enumeration {
    pub(crate) ident: Ident,
    pub(crate) shard_orm: Path,
    pub(crate) rename_all: Option<LitStr>,
    pub(crate) integer: Option<(Ident, OptionalValue)>,
    pub(crate) variants: Vec<Variant>,
}

/// One variant.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) rename: Option<LitStr>,
    pub(crate) discriminant: Option<Expr>,
}

/// Parses an enum.
pub(crate) fn enumeration(input: &DeriveInput, errors: &mut Errors) -> Option<Enumeration> {
    no_generics(input, "ShardField", errors);
    let Data::Enum(data) = &input.data else {
        return None;
    };
    let mut attrs = Attrs::read(&input.attrs, &ENUM, errors);
    let mut variants = Vec::with_capacity(data.variants.len());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            errors.at(
                &variant.fields,
                "a stored enum cannot have variants with fields; use `#[shard(json)]` on the \
                 model's field instead",
            );
        }
        let mut attrs = Attrs::read(&variant.attrs, &VARIANT, errors);
        variants.push(Variant {
            ident: variant.ident.clone(),
            rename: attrs.string("rename", errors),
            discriminant: variant
                .discriminant
                .as_ref()
                .map(|(_, value)| value.clone()),
        });
    }
    Some(Enumeration {
        ident: input.ident.clone(),
        shard_orm: attrs.crate_path(errors),
        rename_all: attrs.string("rename_all", errors),
        integer: attrs.optional_value("integer", errors),
        variants,
    })
}
