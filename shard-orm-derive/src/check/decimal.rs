//! The digits of a decimal: `precision = 12, scale = 2`, or `decimal(12, 2)`.

use syn::LitInt;

use crate::errors::Errors;
use crate::{parse, types};

/// As many digits as a `Decimal` holds, whichever they are.
const MOST: u8 = 28;

/// The precision and the scale of a field, where it has them.
pub(super) fn decimal(field: &parse::Field, errors: &mut Errors) -> Option<(u8, u8)> {
    let (precision, scale) = match (&field.decimal, &field.precision, &field.scale) {
        (None, None, None) => return None,
        (Some((_, [precision, scale])), None, None) => (precision, Some(scale)),
        (Some((said, _)), ..) => {
            errors.at(
                said,
                "`decimal(12, 2)` says precision and scale: leave `precision` and `scale` out",
            );
            return None;
        }
        (None, None, Some(scale)) => {
            errors.at(
                scale,
                "a scale is of so many digits in all: write `precision = 12` beside it",
            );
            return None;
        }
        (None, Some(precision), scale) => (precision, scale.as_ref()),
    };
    if let Some(json) = &field.json {
        errors.at(json, "a JSON column has no precision and no scale");
        return None;
    }
    if let Some(ty) = unfit(field) {
        errors.at(
            precision,
            format!(
                "precision and scale are of a `Decimal`, or of a struct around one; this field is \
                 `{ty}`"
            ),
        );
        return None;
    }
    let digits = number(precision).filter(|digits| (1..=MOST).contains(digits));
    let Some(digits) = digits else {
        errors.at(
            precision,
            format!("the precision of a decimal is from 1 to {MOST} digits"),
        );
        return None;
    };
    let Some(scale) = scale else {
        return Some((digits, 0));
    };
    match number(scale).filter(|after| *after <= digits) {
        Some(after) => Some((digits, after)),
        None => {
            errors.at(
                scale,
                format!(
                    "the scale of a decimal, its digits after the point, is from 0 to its precision, \
                     which is {digits}"
                ),
            );
            None
        }
    }
}

/// Refuses them beside `skip`.
pub(super) fn skipped(field: &parse::Field, errors: &mut Errors) {
    let numbers = [&field.precision, &field.scale];
    for said in numbers.into_iter().flatten() {
        errors.at(
            said,
            "a field with `skip` has no column, so it has no precision and no scale",
        );
    }
    if let Some((said, _)) = &field.decimal {
        errors.at(
            said,
            "a field with `skip` has no column, so it has no `decimal`",
        );
    }
}

fn number(literal: &LitInt) -> Option<u8> {
    literal.base10_parse().ok()
}

/// The name of the type, if it is seen that it is no decimal. What an alias or a struct hides, the
/// compiler finds.
fn unfit(field: &parse::Field) -> Option<String> {
    let is_text = types::is_string(types::option_of(&field.ty).unwrap_or(&field.ty));
    types::without_length(&field.ty).or_else(|| is_text.then(|| types::text(&field.ty)))
}

#[cfg(test)]
mod tests {
    use syn::{Attribute, Type, parse_quote};

    use crate::errors::messages;
    use crate::model;

    fn mistakes(attribute: &Attribute, ty: &Type) -> Vec<String> {
        messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", isolated, table = "t")]
                struct A { #[shard(primary_key)] id: i64, #attribute a: #ty }
            },
        )
    }

    #[test]
    fn precision_and_scale_are_of_decimals() {
        let digits: Attribute = parse_quote!(#[shard(decimal(12, 2))]);
        assert_eq!(mistakes(&digits, &parse_quote!(Decimal)), [""; 0]);
        assert_eq!(mistakes(&digits, &parse_quote!(Option<Euros>)), [""; 0]);
        assert_eq!(
            mistakes(&digits, &parse_quote!(Option<f64>)),
            [
                "precision and scale are of a `Decimal`, or of a struct around one; this field is \
              `Option<f64>`"
            ]
        );
    }

    #[test]
    fn a_scale_is_not_above_its_precision() {
        let decimal: Type = parse_quote!(Decimal);
        for (attribute, message) in [
            (
                parse_quote!(#[shard(precision = 29)]),
                "the precision of a decimal is from 1 to 28 digits",
            ),
            (
                parse_quote!(#[shard(decimal(0, 0))]),
                "the precision of a decimal is from 1 to 28 digits",
            ),
            (
                parse_quote!(#[shard(precision = 2, scale = 3)]),
                "the scale of a decimal, its digits after the point, is from 0 to its precision, \
                 which is 2",
            ),
            (
                parse_quote!(#[shard(scale = 3)]),
                "a scale is of so many digits in all: write `precision = 12` beside it",
            ),
            (
                parse_quote!(#[shard(decimal(12, x))]),
                "`decimal` is written `decimal(12, 2)`",
            ),
        ] {
            assert_eq!(mistakes(&attribute, &decimal), [message]);
        }
    }
}
