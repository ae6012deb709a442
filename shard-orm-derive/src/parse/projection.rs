//! Parses a projection: a struct whose fields are some of a model's.

use syn::ext::IdentExt as _;
use syn::{DeriveInput, Ident, Path, Type};

use super::{named_fields, no_generics};
use crate::attr::{Attrs, Keyword, SHARD, Vocabulary};
use crate::errors::Errors;
use crate::names;

const STRUCT: Vocabulary = Vocabulary {
    attribute: SHARD,
    target: "a projection",
    keywords: &[
        Keyword::new("model", "model = Order"),
        Keyword::new("crate", "crate = \"path\""),
    ],
};

const FIELD: Vocabulary = Vocabulary {
    attribute: SHARD,
    target: "a projection's field",
    keywords: &[
        Keyword::new("field", "field = \"quantity\""),
        Keyword::new("json", "json"),
    ],
};

/// The input of `ShardProjection`.
#[derive(Debug)]
pub(crate) struct Projection {
    pub(crate) ident: Ident,
    pub(crate) shard_orm: Path,
    pub(crate) model: Path,
    pub(crate) fields: Vec<Selected>,
}

/// One field of a projection.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The constant of the model's column.
    pub(crate) constant: Ident,
    pub(crate) json: bool,
}

/// Parses a projection.
pub(crate) fn projection(input: &DeriveInput, errors: &mut Errors) -> Option<Projection> {
    no_generics(input, "ShardProjection", errors);
    let mut attrs = Attrs::read(&input.attrs, &STRUCT, errors);
    let shard_orm = attrs.crate_path(errors);
    let model = attrs.path("model", errors);
    if model.is_none() && !attrs.incomplete {
        errors.at(&input.ident, "missing model: add `#[shard(model = Order)]`");
    }
    let named = named_fields(input, "ShardProjection", errors)?;
    if named.named.is_empty() {
        errors.at(&input.ident, "a projection needs at least one field");
    }
    let fields = named
        .named
        .iter()
        .filter_map(|read| field(read, errors))
        .collect();
    Some(Projection {
        ident: input.ident.clone(),
        shard_orm,
        model: model?,
        fields,
    })
}

fn field(read: &syn::Field, errors: &mut Errors) -> Option<Selected> {
    let mut attrs = Attrs::read(&read.attrs, &FIELD, errors);
    let json = attrs.flag("json", errors).is_some();
    let ident = read.ident.clone()?;
    let source = match attrs.string("field", errors) {
        None => ident.clone(),
        Some(text) => match text.parse_with(Ident::parse_any) {
            Ok(name) => name,
            Err(_) => {
                errors.at(&text, "`field` must be the name of a field of the model");
                return None;
            }
        },
    };
    Some(Selected {
        constant: names::constant(&source),
        ident,
        ty: read.ty.clone(),
        json,
    })
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use crate::errors::messages;
    use crate::projection;

    #[test]
    fn a_projection_requires_a_model() {
        let found = messages(projection, &parse_quote! { struct Line { item: String } });
        assert_eq!(found, ["missing model: add `#[shard(model = Order)]`"]);
    }

    #[test]
    fn a_projection_requires_a_field() {
        let found = messages(
            projection,
            &parse_quote! { #[shard(model = Order)] struct Line {} },
        );
        assert_eq!(found, ["a projection needs at least one field"]);
    }

    #[test]
    fn a_field_name_can_be_a_rust_keyword() {
        let found = messages(
            projection,
            &parse_quote! {
                #[shard(model = crate::Order)]
                struct Line {
                    #[shard(field = "type")] kind: String,
                    #[shard(field = "r#match")] r#match: String,
                }
            },
        );
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_field_must_be_an_identifier() {
        let found = messages(
            projection,
            &parse_quote! {
                #[shard(model = Order)]
                struct Line { #[shard(field = "a.b")] kind: String }
            },
        );
        assert_eq!(found, ["`field` must be the name of a field of the model"]);
    }
}
