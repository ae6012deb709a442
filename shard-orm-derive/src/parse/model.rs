//! Parses a model: its struct and its fields.

use quote::ToTokens;
use syn::{DeriveInput, Ident, LitInt, LitStr, Path, Type, Visibility};

use super::derive::Derive;
use super::relation::{Relation, relations};
use super::{named_fields, no_generics};
use crate::attr::{Attrs, OptionalValue, StringList};
use crate::errors::Errors;

/// The input of `ShardModel` and `StaticModel`.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) derive: &'static Derive,
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) shard_orm: Path,
    pub(crate) group: Option<LitStr>,
    pub(crate) isolated: Option<Ident>,
    pub(crate) database: Option<LitStr>,
    pub(crate) static_attrs: StaticAttrs,
    pub(crate) table: Option<LitStr>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) hooks: Option<Ident>,
    pub(crate) validate: Option<Ident>,
    pub(crate) fields: Vec<Field>,
    /// Whether an attribute of the struct could not be parsed.
    pub(crate) incomplete: bool,
}

/// The attributes that only static models have.
#[derive(Debug)]
pub(crate) struct StaticAttrs {
    pub(crate) source: Option<LitStr>,
    pub(crate) groups: Option<(Ident, StringList)>,
    pub(crate) criterion: Option<LitStr>,
    pub(crate) transmit: Option<(Ident, bool)>,
    pub(crate) transmit_hooks: Option<Ident>,
}

/// One `index(..)` or `unique(..)`.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) token: Ident,
    pub(crate) unique: bool,
    pub(crate) fields: Vec<Ident>,
}

/// One field. Flags keep their keyword, for messages.
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
    pub(crate) default: Option<(Ident, OptionalValue)>,
    pub(crate) json: Option<Ident>,
    pub(crate) created_at: Option<Ident>,
    pub(crate) updated_at: Option<Ident>,
    pub(crate) soft_delete: Option<Ident>,
    pub(crate) index: Option<Ident>,
    pub(crate) unique: Option<Ident>,
    pub(crate) length: Option<(Ident, u32)>,
    pub(crate) precision: Option<LitInt>,
    pub(crate) scale: Option<LitInt>,
    /// `decimal(precision, scale)`.
    pub(crate) decimal: Option<(Ident, [LitInt; 2])>,
    pub(crate) collation: Option<LitStr>,
    /// Whether an attribute of the field could not be parsed.
    pub(crate) incomplete: bool,
}

impl Field {
    /// Returns those of the named arguments that the field has, with their tokens for messages.
    pub(crate) fn given<'f>(
        &'f self,
        names: &'f [&'f str],
    ) -> impl Iterator<Item = (&'f str, &'f dyn ToTokens)> {
        names
            .iter()
            .filter_map(|name| Some((*name, self.argument(name)?)))
    }

    fn argument(&self, name: &str) -> Option<&dyn ToTokens> {
        fn tokens<T: ToTokens>(argument: Option<&T>) -> Option<&dyn ToTokens> {
            argument.map(|argument| argument as _)
        }
        match name {
            "generate" => tokens(self.generate.as_ref()),
            "column" => tokens(self.column.as_ref()),
            "collation" => tokens(self.collation.as_ref()),
            "precision" => tokens(self.precision.as_ref()),
            "scale" => tokens(self.scale.as_ref()),
            "decimal" => tokens(self.decimal.as_ref().map(|(token, _)| token)),
            "default" => tokens(self.default.as_ref().map(|(token, _)| token)),
            "length" => tokens(self.length.as_ref().map(|(token, _)| token)),
            "key" => tokens(self.key.as_ref()),
            "region" => tokens(self.region.as_ref()),
            "primary_key" => tokens(self.primary_key.as_ref()),
            "json" => tokens(self.json.as_ref()),
            "created_at" => tokens(self.created_at.as_ref()),
            "updated_at" => tokens(self.updated_at.as_ref()),
            "soft_delete" => tokens(self.soft_delete.as_ref()),
            "index" => tokens(self.index.as_ref()),
            "unique" => tokens(self.unique.as_ref()),
            _ => None,
        }
    }
}

/// Parses a model.
pub(crate) fn model(
    input: &DeriveInput,
    derive: &'static Derive,
    errors: &mut Errors,
) -> Option<Model> {
    no_generics(input, derive.name, errors);
    let mut attrs = Attrs::read(&input.attrs, &derive.of_struct, errors);
    let mut indexes = Vec::new();
    for (keyword, unique) in [("index", false), ("unique", true)] {
        for (token, fields) in attrs.lists(keyword, errors) {
            indexes.push(Index {
                token,
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
        group: attrs.string("group", errors),
        isolated: attrs.flag("isolated", errors),
        database: attrs.string("database", errors),
        static_attrs: StaticAttrs {
            source: attrs.string("source", errors),
            groups: attrs.string_list("groups", errors),
            criterion: attrs.string("criterion", errors),
            transmit: attrs.boolean("transmit", errors),
            transmit_hooks: attrs.flag("transmit_hooks", errors),
        },
        table: attrs.string("table", errors),
        indexes,
        relations,
        hooks: attrs.flag("hooks", errors),
        validate: attrs.flag("validate", errors),
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
        // Named fields always have a name.
        ident: read.ident.clone()?,
        ty: read.ty.clone(),
        key: attrs.flag("key", errors),
        region: attrs.flag("region", errors),
        primary_key: attrs.flag("primary_key", errors),
        generate: attrs.string("generate", errors),
        column: attrs.string("column", errors),
        skip: attrs.flag("skip", errors),
        default: attrs.optional_value("default", errors),
        json: attrs.flag("json", errors),
        created_at: attrs.flag("created_at", errors),
        updated_at: attrs.flag("updated_at", errors),
        soft_delete: attrs.flag("soft_delete", errors),
        index: attrs.flag("index", errors),
        unique: attrs.flag("unique", errors),
        length: attrs.count("length", errors),
        precision: attrs.integer("precision", errors),
        scale: attrs.integer("scale", errors),
        decimal: attrs.two_integers("decimal", errors),
        collation: attrs.string("collation", errors),
        incomplete: attrs.incomplete,
    })
}
