//! Checks an enum, and determines the stored form of each variant.

use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, LitStr, Path, UnOp};

use crate::attr::OptionalValue;
use crate::errors::Errors;
use crate::names::{self, Case};
use crate::parse;

/// A checked enum.
#[derive(Debug)]
pub(crate) struct Enumeration {
    pub(crate) ident: Ident,
    pub(crate) shard_orm: Path,
    pub(crate) stored: Stored,
}

/// The stored form of the variants.
#[derive(Debug)]
pub(crate) enum Stored {
    Text(Vec<(Ident, String)>),
    Integer {
        /// The integer's type, like `i32`.
        of: &'static str,
        variants: Vec<(Ident, i128)>,
    },
}

/// The integer types of columns, with their bounds.
const INTEGERS: [(&str, i128, i128); 8] = [
    ("i8", i8::MIN as i128, i8::MAX as i128),
    ("i16", i16::MIN as i128, i16::MAX as i128),
    ("i32", i32::MIN as i128, i32::MAX as i128),
    ("i64", i64::MIN as i128, i64::MAX as i128),
    ("u8", 0, u8::MAX as i128),
    ("u16", 0, u16::MAX as i128),
    ("u32", 0, u32::MAX as i128),
    ("u64", 0, u64::MAX as i128),
];

/// Checks an enum.
pub(crate) fn enumeration(parsed: parse::Enumeration, errors: &mut Errors) -> Option<Enumeration> {
    if parsed.variants.is_empty() {
        errors.at(&parsed.ident, "the enum has no variants");
    }
    let stored = match &parsed.integer {
        None => texts(&parsed, errors)?,
        Some((_, OptionalValue::Absent)) => integers(&parsed, "i32", errors),
        Some((token, OptionalValue::Value(value))) => {
            let of = integer(value);
            if of.is_none() {
                let known = names::list(INTEGERS.iter().map(|(name, ..)| *name));
                errors.at(
                    token,
                    format!("unknown integer type; use one of {known}: `integer = \"i16\"`"),
                );
            }
            integers(&parsed, of?, errors)
        }
    };
    Some(Enumeration {
        ident: parsed.ident,
        shard_orm: parsed.shard_orm,
        stored,
    })
}

fn integer(value: &Expr) -> Option<&'static str> {
    let Expr::Lit(ExprLit {
        lit: Lit::Str(name),
        ..
    }) = value
    else {
        return None;
    };
    let name = name.value();
    INTEGERS
        .iter()
        .map(|(known, ..)| *known)
        .find(|known| *known == name)
}

fn texts(parsed: &parse::Enumeration, errors: &mut Errors) -> Option<Stored> {
    let case = match &parsed.rename_all {
        None => Case::Snake,
        Some(token) => case(token, errors)?,
    };
    let mut stored: Vec<(Ident, String)> = Vec::with_capacity(parsed.variants.len());
    for variant in &parsed.variants {
        let text = match &variant.rename {
            Some(token) => token.value(),
            None => case.apply(&names::plain(&variant.ident)),
        };
        if let Some((other, _)) = stored.iter().find(|(_, taken)| *taken == text) {
            let message = format!("duplicate stored value: `{other}` is also stored as {text:?}");
            match &variant.rename {
                Some(token) => errors.at(token, message),
                None => errors.at(&variant.ident, message),
            }
        }
        stored.push((variant.ident.clone(), text));
    }
    Some(Stored::Text(stored))
}

fn case(token: &LitStr, errors: &mut Errors) -> Option<Case> {
    let value = token.value();
    let found = Case::NAMES.iter().find(|(name, _)| *name == value);
    if found.is_none() {
        let known = names::list(Case::NAMES.iter().map(|(name, _)| *name));
        errors.at(token, format!("unknown case; `rename_all` accepts {known}"));
    }
    found.map(|(_, case)| *case)
}

fn integers(parsed: &parse::Enumeration, of: &'static str, errors: &mut Errors) -> Stored {
    let renames = parsed
        .variants
        .iter()
        .filter_map(|variant| variant.rename.as_ref());
    for token in parsed.rename_all.iter().chain(renames) {
        errors.at(
            token,
            "an enum stored as an integer has no stored names; remove this",
        );
    }
    let mut variants = Vec::with_capacity(parsed.variants.len());
    let mut next = 0_i128;
    for variant in &parsed.variants {
        let number = match &variant.discriminant {
            None => next,
            Some(value) => match literal(value) {
                Some(number) => number,
                None => {
                    errors.at(value, "a stored discriminant must be an integer literal");
                    continue;
                }
            },
        };
        let bounds = INTEGERS.iter().find(|(name, ..)| *name == of);
        if let Some((_, least, most)) = bounds
            && !(*least..=*most).contains(&number)
        {
            errors.at(
                &variant.ident,
                format!("`{}` is {number}, which does not fit `{of}`", variant.ident),
            );
        }
        variants.push((variant.ident.clone(), number));
        next = number.saturating_add(1);
    }
    Stored::Integer { of, variants }
}

/// Returns the value of an integer literal, with or without a sign.
fn literal(value: &Expr) -> Option<i128> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse().ok(),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => literal(expr).map(|number| -number),
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use crate::errors::messages;
    use crate::field;

    #[test]
    fn stored_variant_names_are_distinct() {
        let found = messages(
            field,
            &parse_quote! {
                enum Status { New, #[shard(rename = "new")] Fresh }
            },
        );
        assert_eq!(
            found,
            ["duplicate stored value: `New` is also stored as \"new\""]
        );
    }

    #[test]
    fn discriminants_fit_the_integer_type() {
        let found = messages(
            field,
            &parse_quote! {
                #[shard(integer = "u8")]
                enum Level { Under = -1, Low, High = 255, Above }
            },
        );
        assert_eq!(
            found,
            [
                "`Under` is -1, which does not fit `u8`",
                "`Above` is 256, which does not fit `u8`",
            ]
        );
    }

    #[test]
    fn a_discriminant_is_a_literal() {
        let found = messages(
            field,
            &parse_quote! { #[shard(integer)] enum Level { Low = BASE + 1 } },
        );
        assert_eq!(found, ["a stored discriminant must be an integer literal"]);
    }

    #[test]
    fn an_unknown_case_or_integer_error_lists_the_known_ones() {
        let case = messages(
            field,
            &parse_quote! { #[shard(rename_all = "camelCase")] enum A { B } },
        );
        assert_eq!(
            case,
            [
                "unknown case; `rename_all` accepts `snake_case`, `lowercase`, `SCREAMING_SNAKE_CASE` and \
                 `PascalCase`"
            ]
        );
        let integer = messages(
            field,
            &parse_quote! { #[shard(integer = "i128")] enum A { B } },
        );
        assert_eq!(
            integer,
            [
                "unknown integer type; use one of `i8`, `i16`, `i32`, `i64`, `u8`, `u16`, `u32` and \
                 `u64`: `integer = \"i16\"`"
            ]
        );
    }

    #[test]
    fn a_stored_enum_has_fieldless_variants() {
        let found = messages(field, &parse_quote! { enum A { B(i32) } });
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a stored enum cannot"));
        let found = messages(field, &parse_quote! { enum A {} });
        assert_eq!(found, ["the enum has no variants"]);
    }

    #[test]
    fn names_and_integers_exclude_each_other() {
        let found = messages(
            field,
            &parse_quote! {
                #[shard(integer, rename_all = "lowercase")]
                enum A { #[shard(rename = "x")] B }
            },
        );
        assert_eq!(
            found,
            ["an enum stored as an integer has no stored names; remove this"; 2]
        );
    }
}
