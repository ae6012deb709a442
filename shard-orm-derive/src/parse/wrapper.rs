//! Parses a newtype: the input of `ShardKey`, and one of the inputs of `ShardField`.

use syn::{Data, DeriveInput, Fields, Ident, Member, Path, Type};

use super::no_generics;
use crate::attr::{Attrs, Keyword, SHARD, Vocabulary};
use crate::errors::Errors;

const STRUCT: Vocabulary = Vocabulary {
    attribute: SHARD,
    target: "a newtype",
    keywords: &[Keyword::new("crate", "crate = \"path\"")],
};

const FIELD: Vocabulary = Vocabulary {
    attribute: SHARD,
    target: "the field of a newtype",
    keywords: &[],
};

/// A newtype.
#[derive(Debug)]
pub(crate) struct Wrapper {
    pub(crate) ident: Ident,
    pub(crate) shard_orm: Path,
    /// `0`, or the name of the field.
    pub(crate) member: Member,
    pub(crate) ty: Type,
}

/// Parses a newtype.
pub(crate) fn wrapper(input: &DeriveInput, derive: &str, errors: &mut Errors) -> Option<Wrapper> {
    no_generics(input, derive, errors);
    let mut attrs = Attrs::read(&input.attrs, &STRUCT, errors);
    let shard_orm = attrs.crate_path(errors);
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(_) | Data::Union(_) => &Fields::Unit,
    };
    let mut all = fields.iter().zip(fields.members());
    let (Some((field, member)), None) = (all.next(), all.next()) else {
        errors.at(
            &input.ident,
            format!("`{derive}` requires a struct with exactly one field: `struct UserId(i64);`"),
        );
        return None;
    };
    Attrs::read(&field.attrs, &FIELD, errors);
    Some(Wrapper {
        ident: input.ident.clone(),
        shard_orm,
        member,
        ty: field.ty.clone(),
    })
}
