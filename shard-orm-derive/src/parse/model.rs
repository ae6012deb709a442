//! A model: what its struct and its fields say.

use syn::{DeriveInput, Ident, LitStr, Path, Type, Visibility};

use super::relation::{BELONGS_TO, HAS_MANY, HAS_ONE, REFERS_TO, Relation, relations};
use super::{named_fields, no_generics};
use crate::attr::{Attrs, MaybeValue, Vocabulary, Word};
use crate::errors::Errors;

const STRUCT: Vocabulary = Vocabulary {
    place: "a model",
    words: &[
        Word::new("group", "group = \"shop\""),
        Word::new("isolated", "isolated"),
        Word::new("database", "database = \"default\""),
        Word::new("table", "table = \"orders\""),
        Word::repeated("index", "index(field, other)"),
        Word::repeated("unique", "unique(field, other)"),
        Word::repeated("has_many", HAS_MANY),
        Word::repeated("has_one", HAS_ONE),
        Word::repeated("belongs_to", BELONGS_TO),
        Word::repeated("refers_to", REFERS_TO),
        Word::new("hooks", "hooks"),
        Word::new("validate", "validate"),
        Word::new("crate", "crate = \"path\""),
    ],
};

const FIELD: Vocabulary = Vocabulary {
    place: "a model's field",
    words: &[
        Word::new("key", "key"),
        Word::new("region", "region"),
        Word::new("primary_key", "primary_key"),
        Word::new("generate", "generate = \"snowflake\""),
        Word::new("column", "column = \"name\""),
        Word::new("skip", "skip"),
        Word::new("default", "default` or `default = value"),
        Word::new("json", "json"),
        Word::new("created_at", "created_at"),
        Word::new("updated_at", "updated_at"),
        Word::new("soft_delete", "soft_delete"),
        Word::new("index", "index"),
        Word::new("unique", "unique"),
        Word::new("length", "length = 64"),
        Word::new("collation", "collation = \"binary\""),
    ],
};

/// A struct that is to be a model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) shard_orm: Path,
    pub(crate) group: Option<LitStr>,
    pub(crate) isolated: Option<Ident>,
    pub(crate) database: Option<LitStr>,
    pub(crate) table: Option<LitStr>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) hooks: Option<Ident>,
    pub(crate) validate: Option<Ident>,
    pub(crate) fields: Vec<Field>,
    /// Whether some attribute of the struct could not be read.
    pub(crate) incomplete: bool,
}

/// One `index(..)` or `unique(..)`.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) said: Ident,
    pub(crate) unique: bool,
    pub(crate) fields: Vec<Ident>,
}

/// One field. Each mark is the word as it was said, for messages.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) key: Option<Ident>,
    pub(crate) region: Option<Ident>,
    pub(crate) primary_key: Option<Ident>,
    pub(crate) generate: Option<LitStr>,
    pub(crate) column: Option<LitStr>,
    pub(crate) skip: Option<Ident>,
    pub(crate) default: Option<(Ident, MaybeValue)>,
    pub(crate) json: Option<Ident>,
    pub(crate) created_at: Option<Ident>,
    pub(crate) updated_at: Option<Ident>,
    pub(crate) soft_delete: Option<Ident>,
    pub(crate) index: Option<Ident>,
    pub(crate) unique: Option<Ident>,
    pub(crate) length: Option<(Ident, u32)>,
    pub(crate) collation: Option<LitStr>,
    /// Whether some attribute of the field could not be read.
    pub(crate) incomplete: bool,
}

/// Reads a model.
pub(crate) fn model(input: &DeriveInput, errors: &mut Errors) -> Option<Model> {
    no_generics(input, "ShardModel", errors);
    let mut attrs = Attrs::read(&input.attrs, &STRUCT, errors);
    let mut indexes = Vec::new();
    for (word, unique) in [("index", false), ("unique", true)] {
        for (said, fields) in attrs.lists(word, errors) {
            indexes.push(Index {
                said,
                unique,
                fields,
            });
        }
    }
    let relations = relations(&attrs, errors);
    let fields = named_fields(input, "ShardModel", errors)?;
    Some(Model {
        ident: input.ident.clone(),
        vis: input.vis.clone(),
        shard_orm: attrs.crate_path(errors),
        group: attrs.text("group", errors),
        isolated: attrs.mark("isolated", errors),
        database: attrs.text("database", errors),
        table: attrs.text("table", errors),
        indexes,
        relations,
        hooks: attrs.mark("hooks", errors),
        validate: attrs.mark("validate", errors),
        fields: fields
            .named
            .iter()
            .filter_map(|read| field(read, errors))
            .collect(),
        incomplete: attrs.incomplete,
    })
}

fn field(read: &syn::Field, errors: &mut Errors) -> Option<Field> {
    let mut attrs = Attrs::read(&read.attrs, &FIELD, errors);
    Some(Field {
        // A field without a name is no named field.
        ident: read.ident.clone()?,
        ty: read.ty.clone(),
        key: attrs.mark("key", errors),
        region: attrs.mark("region", errors),
        primary_key: attrs.mark("primary_key", errors),
        generate: attrs.text("generate", errors),
        column: attrs.text("column", errors),
        skip: attrs.mark("skip", errors),
        default: attrs.maybe_value("default", errors),
        json: attrs.mark("json", errors),
        created_at: attrs.mark("created_at", errors),
        updated_at: attrs.mark("updated_at", errors),
        soft_delete: attrs.mark("soft_delete", errors),
        index: attrs.mark("index", errors),
        unique: attrs.mark("unique", errors),
        length: attrs.count("length", errors),
        collation: attrs.text("collation", errors),
        incomplete: attrs.incomplete,
    })
}
