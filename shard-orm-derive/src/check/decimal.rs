//! Checks the digits of a decimal: `precision = 12, scale = 2`, or `decimal(12, 2)`.

use syn::LitInt;

use crate::errors::Errors;
use crate::{parse, types};

/// The number of digits that every `Decimal` can hold.
const MOST: u8 = 28;

/// Returns the precision and scale of a field, if it declares them.
pub(super) fn decimal(field: &parse::Field, errors: &mut Errors) -> Option<(u8, u8)> {
    let (precision, scale) = match (&field.decimal, &field.precision, &field.scale) {
        (None, None, None) => return None,
        (Some((_, [precision, scale])), None, None) => (precision, Some(scale)),
        (Some((token, _)), ..) => {
            errors.at(
                token,
                "`decimal` already sets precision and scale; remove `precision` and `scale`",
            );
            return None;
        }
        (None, None, Some(scale)) => {
            errors.at(scale, "`scale` requires a precision: add `precision = 12`");
            return None;
        }
        (None, Some(precision), scale) => (precision, scale.as_ref()),
    };
    if field.json.is_some() {
        // Reported with the other attributes of JSON columns.
        return None;
    }
    if let Some(ty) = unfit(field) {
        errors.at(
            precision,
            format!(
                "precision and scale apply to `Decimal` and newtypes over it; this field is `{ty}`"
            ),
        );
        return None;
    }
    let digits = number(precision).filter(|digits| (1..=MOST).contains(digits));
    let Some(digits) = digits else {
        errors.at(
            precision,
            format!("the precision must be between 1 and {MOST}"),
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
                format!("the scale must be between 0 and the precision, which is {digits}"),
            );
            None
        }
    }
}

fn number(literal: &LitInt) -> Option<u8> {
    literal.base10_parse().ok()
}

/// Returns the type's name if its tokens show that it is not a decimal. The compiler reports types
/// hidden by an alias or a newtype.
fn unfit(field: &parse::Field) -> Option<String> {
    let is_text = types::is_string(types::option_of(&field.ty).unwrap_or(&field.ty));
    types::without_length(&field.ty).or_else(|| is_text.then(|| types::text(&field.ty)))
}

#[cfg(test)]
mod tests {
    use syn::{Attribute, Type, parse_quote};

    use crate::errors::messages;
    use crate::model;

    fn errors_of(attribute: &Attribute, ty: &Type) -> Vec<String> {
        messages(
            model,
            &parse_quote! {
                #[shard(group = "shop", isolated, table = "t")]
                struct A { #[shard(primary_key)] id: i64, #attribute a: #ty }
            },
        )
    }

    #[test]
    fn precision_and_scale_apply_to_decimals() {
        let digits: Attribute = parse_quote!(#[shard(decimal(12, 2))]);
        assert_eq!(errors_of(&digits, &parse_quote!(Decimal)), [""; 0]);
        assert_eq!(errors_of(&digits, &parse_quote!(Option<Euros>)), [""; 0]);
        assert_eq!(
            errors_of(&digits, &parse_quote!(Option<f64>)),
            [
                "precision and scale apply to `Decimal` and newtypes over it; this field is \
                 `Option<f64>`"
            ]
        );
    }

    #[test]
    fn a_scale_does_not_exceed_the_precision() {
        let decimal: Type = parse_quote!(Decimal);
        for (attribute, message) in [
            (
                parse_quote!(#[shard(precision = 29)]),
                "the precision must be between 1 and 28",
            ),
            (
                parse_quote!(#[shard(decimal(0, 0))]),
                "the precision must be between 1 and 28",
            ),
            (
                parse_quote!(#[shard(precision = 2, scale = 3)]),
                "the scale must be between 0 and the precision, which is 2",
            ),
            (
                parse_quote!(#[shard(scale = 3)]),
                "`scale` requires a precision: add `precision = 12`",
            ),
            (
                parse_quote!(#[shard(decimal(12, x))]),
                "expected `decimal(12, 2)`",
            ),
        ] {
            assert_eq!(errors_of(&attribute, &decimal), [message]);
        }
    }
}
