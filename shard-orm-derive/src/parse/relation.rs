//! Parses relations: `has_many(lines = "Line", by = "order_id")` and similar.

use syn::ext::IdentExt as _;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Path};

use crate::attr::Attrs;
use crate::errors::Errors;

pub(super) const HAS_MANY: &str = "has_many(lines = \"Line\", by = \"order_id\")";
pub(super) const HAS_ONE: &str = "has_one(invoice = \"Invoice\", by = \"order_id\")";
pub(super) const BELONGS_TO: &str = "belongs_to(order = \"Order\", by = \"order_id\")";
pub(super) const REFERS_TO: &str = "refers_to(country = \"Country\", by = \"country_id\")";

/// The kind of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    HasMany,
    HasOne,
    BelongsTo,
    RefersTo,
}

/// A parsed relation.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) token: Ident,
    pub(crate) kind: Kind,
    pub(crate) name: Ident,
    pub(crate) target: Path,
    /// The fields that hold the id, of this model or of the other one.
    pub(crate) by: Vec<Ident>,
}

/// Parses all relations of a struct.
pub(super) fn relations(attrs: &Attrs, errors: &mut Errors) -> Vec<Relation> {
    let mut relations = Vec::new();
    for (keyword, kind, usage) in [
        ("has_many", Kind::HasMany, HAS_MANY),
        ("has_one", Kind::HasOne, HAS_ONE),
        ("belongs_to", Kind::BelongsTo, BELONGS_TO),
        ("refers_to", Kind::RefersTo, REFERS_TO),
    ] {
        for (token, pairs) in attrs.pairs(keyword, errors) {
            match relation(&token, kind, pairs) {
                Some(relation) => relations.push(relation),
                None => errors.at(&token, format!("expected `{usage}`")),
            }
        }
    }
    relations
}

/// Parses a name with a model, and an optional `by` with its fields.
fn relation(token: &Ident, kind: Kind, pairs: Vec<(Ident, Expr)>) -> Option<Relation> {
    let mut model = None;
    let mut by = None;
    for (name, value) in pairs {
        if name == "by" {
            if by.replace(fields(&value)?).is_some() {
                return None;
            }
        } else if model.replace((name, path(&value)?)).is_some() {
            return None;
        }
    }
    let (name, target) = model?;
    Some(Relation {
        token: token.clone(),
        kind,
        name,
        target,
        by: by.unwrap_or_default(),
    })
}

/// `"Line"`, or `Line`.
fn path(value: &Expr) -> Option<Path> {
    match value {
        Expr::Path(path) if path.qself.is_none() => Some(path.path.clone()),
        _ => text(value)?.parse_with(Path::parse_mod_style).ok(),
    }
}

/// `"order_id"`, or `["year", "number"]`.
fn fields(value: &Expr) -> Option<Vec<Ident>> {
    match value {
        Expr::Array(list) if !list.elems.is_empty() => list.elems.iter().map(field).collect(),
        _ => Some(vec![field(value)?]),
    }
}

fn field(value: &Expr) -> Option<Ident> {
    match value {
        Expr::Path(path) => path.path.get_ident().cloned(),
        _ => text(value)?.parse_with(Ident::parse_any).ok(),
    }
}

fn text(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text),
        _ => None,
    }
}
