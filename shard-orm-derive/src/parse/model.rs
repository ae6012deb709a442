//! A model: what its struct and its fields say.

use syn::{DeriveInput, Ident, LitInt, LitStr, Path, Type, Visibility};

use super::derive::Derive;
use super::relation::{Relation, relations};
use super::{named_fields, no_generics};
use crate::attr::{Attrs, Listed, MaybeValue};
use crate::errors::Errors;

/// A struct that is to be a model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) derive: &'static Derive,
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) shard_orm: Path,
    pub(crate) group: Option<LitStr>,
    pub(crate) isolated: Option<Ident>,
    pub(crate) database: Option<LitStr>,
    pub(crate) copied: Copied,
    pub(crate) table: Option<LitStr>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) hooks: Option<Ident>,
    pub(crate) validate: Option<Ident>,
    pub(crate) fields: Vec<Field>,
    /// Whether some attribute of the struct could not be read.
    pub(crate) incomplete: bool,
}

/// What a static model says of its copies.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) source: Option<LitStr>,
    pub(crate) groups: Option<(Ident, Listed)>,
    pub(crate) criterion: Option<LitStr>,
    pub(crate) transmit: Option<(Ident, bool)>,
    pub(crate) transmit_hooks: Option<Ident>,
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
    pub(crate) precision: Option<LitInt>,
    pub(crate) scale: Option<LitInt>,
    /// `decimal(precision, scale)`, where it was said.
    pub(crate) decimal: Option<(Ident, [LitInt; 2])>,
    pub(crate) collation: Option<LitStr>,
    /// Whether some attribute of the field could not be read.
    pub(crate) incomplete: bool,
}

/// Reads a model.
pub(crate) fn model(
    input: &DeriveInput,
    derive: &'static Derive,
    errors: &mut Errors,
) -> Option<Model> {
    no_generics(input, derive.name, errors);
    let mut attrs = Attrs::read(&input.attrs, &derive.of_struct, errors);
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
    let fields = named_fields(input, derive.name, errors)?;
    Some(Model {
        derive,
        ident: input.ident.clone(),
        vis: input.vis.clone(),
        shard_orm: attrs.crate_path(errors),
        group: attrs.text("group", errors),
        isolated: attrs.mark("isolated", errors),
        database: attrs.text("database", errors),
        copied: Copied {
            source: attrs.text("source", errors),
            groups: attrs.listed("groups", errors),
            criterion: attrs.text("criterion", errors),
            transmit: attrs.truth("transmit", errors),
            transmit_hooks: attrs.mark("transmit_hooks", errors),
        },
        table: attrs.text("table", errors),
        indexes,
        relations,
        hooks: attrs.mark("hooks", errors),
        validate: attrs.mark("validate", errors),
        fields: fields
            .named
            .iter()
            .filter_map(|read| field(read, derive, errors))
            .collect(),
        incomplete: attrs.incomplete,
    })
}

fn field(read: &syn::Field, derive: &Derive, errors: &mut Errors) -> Option<Field> {
    let mut attrs = Attrs::read(&read.attrs, &derive.of_field, errors);
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
        precision: attrs.integer("precision", errors),
        scale: attrs.integer("scale", errors),
        decimal: attrs.two_integers("decimal", errors),
        collation: attrs.text("collation", errors),
        incomplete: attrs.incomplete,
    })
}
