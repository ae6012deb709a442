//! A projection: a struct whose fields are some of a model's.

use syn::ext::IdentExt as _;
use syn::{DeriveInput, Ident, Path, Type};

use super::{named_fields, no_generics};
use crate::attr::{Attrs, SHARD, Vocabulary, Word};
use crate::errors::Errors;
use crate::names;

const STRUCT: Vocabulary = Vocabulary {
    attribute: SHARD,
    place: "a projection",
    words: &[
        Word::new("model", "model = Order"),
        Word::new("crate", "crate = \"path\""),
    ],
};

const FIELD: Vocabulary = Vocabulary {
    attribute: SHARD,
    place: "a projection's field",
    words: &[
        Word::new("field", "field = \"quantity\""),
        Word::new("json", "json"),
    ],
};

/// A struct that is to be a projection.
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
    /// The model's constant.
    pub(crate) constant: Ident,
    pub(crate) json: bool,
}

/// Reads a projection.
pub(crate) fn projection(input: &DeriveInput, errors: &mut Errors) -> Option<Projection> {
    no_generics(input, "ShardProjection", errors);
    let mut attrs = Attrs::read(&input.attrs, &STRUCT, errors);
    let shard_orm = attrs.crate_path(errors);
    let model = attrs.path("model", errors);
    if model.is_none() && !attrs.incomplete {
        errors.at(
            &input.ident,
            "a projection names its model: add `#[shard(model = Order)]`",
        );
    }
    let named = named_fields(input, "ShardProjection", errors)?;
    if named.named.is_empty() {
        errors.at(&input.ident, "a projection selects at least one column");
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
    let json = attrs.mark("json", errors).is_some();
    let ident = read.ident.clone()?;
    let source = match attrs.text("field", errors) {
        None => ident.clone(),
        Some(text) => match text.parse_with(Ident::parse_any) {
            Ok(name) => name,
            Err(_) => {
                errors.at(&text, "`field` takes the name of one of the model's fields");
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
    fn a_projection_names_its_model() {
        let found = messages(projection, &parse_quote! { struct Line { item: String } });
        assert_eq!(
            found,
            ["a projection names its model: add `#[shard(model = Order)]`"]
        );
    }

    #[test]
    fn a_projection_selects_something() {
        let found = messages(
            projection,
            &parse_quote! { #[shard(model = Order)] struct Line {} },
        );
        assert_eq!(found, ["a projection selects at least one column"]);
    }

    #[test]
    fn a_keyword_is_a_name_of_a_field() {
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
    fn a_field_that_is_no_name_is_refused() {
        let found = messages(
            projection,
            &parse_quote! {
                #[shard(model = Order)]
                struct Line { #[shard(field = "a.b")] kind: String }
            },
        );
        assert_eq!(
            found,
            ["`field` takes the name of one of the model's fields"]
        );
    }
}
