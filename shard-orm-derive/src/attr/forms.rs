//! Typed access to the arguments of an attribute: each method checks one form.
//!
//! Called by `parse`. An argument in another form is reported with the right one.

use proc_macro2::Span;
use syn::{Expr, ExprLit, Ident, Lit, LitInt, LitStr, Path};

use super::{Argument, Attrs, Value};
use crate::errors::Errors;

/// A keyword with an optional value, such as `default`.
#[derive(Debug, Clone)]
pub(crate) enum OptionalValue {
    /// The keyword without a value.
    Absent,
    /// The keyword with a value.
    Value(Expr),
}

/// The value of `groups`.
#[derive(Debug, Clone)]
pub(crate) enum StringList {
    /// The name `all`.
    All,
    /// A list of strings.
    Strings(Vec<LitStr>),
}

impl Attrs {
    /// Returns the argument with this name, regardless of its value.
    fn find(&self, name: &str) -> Option<&Argument> {
        self.arguments
            .iter()
            .find(|argument| argument.keyword.name == name)
    }

    /// Returns the keyword of a flag, an argument without a value.
    pub(crate) fn flag(&self, name: &str, errors: &mut Errors) -> Option<Ident> {
        let argument = self.find(name)?;
        if !matches!(argument.value, Value::None) {
            argument.wrong_form(errors);
        }
        Some(argument.name.clone())
    }

    /// Returns a string: `table = "orders"`.
    pub(crate) fn string(&mut self, name: &str, errors: &mut Errors) -> Option<LitStr> {
        let argument = self.find(name)?;
        if let Value::Expr(Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        })) = &argument.value
        {
            return Some(text.clone());
        }
        argument.wrong_form(errors);
        self.incomplete = true;
        None
    }

    /// Returns a boolean: `transmit = false`.
    pub(crate) fn boolean(&mut self, name: &str, errors: &mut Errors) -> Option<(Ident, bool)> {
        let argument = self.find(name)?;
        if let Value::Expr(Expr::Lit(ExprLit {
            lit: Lit::Bool(truth),
            ..
        })) = &argument.value
        {
            return Some((argument.name.clone(), truth.value));
        }
        argument.wrong_form(errors);
        self.incomplete = true;
        None
    }

    /// Returns a list of strings, or `all`: `groups = ["shop", "air"]`.
    pub(crate) fn string_list(
        &mut self,
        name: &str,
        errors: &mut Errors,
    ) -> Option<(Ident, StringList)> {
        let argument = self.find(name)?;
        let listed = match &argument.value {
            Value::Expr(Expr::Path(path)) if path.path.is_ident("all") => Some(StringList::All),
            Value::Expr(Expr::Array(list)) => {
                let texts = list.elems.iter().map(|element| match element {
                    Expr::Lit(ExprLit {
                        lit: Lit::Str(text),
                        ..
                    }) => Some(text.clone()),
                    _ => None,
                });
                texts.collect::<Option<Vec<_>>>().map(StringList::Strings)
            }
            _ => None,
        };
        if let Some(listed) = listed {
            return Some((argument.name.clone(), listed));
        }
        argument.wrong_form(errors);
        self.incomplete = true;
        None
    }

    /// Returns a positive integer: `length = 64`.
    pub(crate) fn count(&self, name: &str, errors: &mut Errors) -> Option<(Ident, u32)> {
        let argument = self.find(name)?;
        let Value::Expr(Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        })) = &argument.value
        else {
            argument.wrong_form(errors);
            return None;
        };
        match number.base10_parse::<u32>() {
            Ok(0) => {
                errors.at(number, format!("`{name}` must be at least 1"));
                None
            }
            Ok(count) => Some((argument.name.clone(), count)),
            Err(_) => {
                errors.at(number, format!("`{name}` must be at most {}", u32::MAX));
                None
            }
        }
    }

    /// Returns an integer: `scale = 2`.
    pub(crate) fn integer(&self, name: &str, errors: &mut Errors) -> Option<LitInt> {
        let argument = self.find(name)?;
        if let Value::Expr(Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        })) = &argument.value
        {
            return Some(number.clone());
        }
        argument.wrong_form(errors);
        None
    }

    /// Returns two integers: `decimal(12, 2)`.
    pub(crate) fn two_integers(
        &self,
        name: &str,
        errors: &mut Errors,
    ) -> Option<(Ident, [LitInt; 2])> {
        let argument = self.find(name)?;
        if let Value::Numbers(numbers) = &argument.value
            && let [one, two] = numbers.as_slice()
        {
            return Some((argument.name.clone(), [one.clone(), two.clone()]));
        }
        argument.wrong_form(errors);
        None
    }

    /// Returns a keyword with an optional value: `default`, `default = 1`.
    pub(crate) fn optional_value(
        &self,
        name: &str,
        errors: &mut Errors,
    ) -> Option<(Ident, OptionalValue)> {
        let argument = self.find(name)?;
        let value = match &argument.value {
            Value::None => OptionalValue::Absent,
            Value::Expr(value) => OptionalValue::Value(value.clone()),
            Value::List(_) | Value::Pairs(_) | Value::Numbers(_) => {
                argument.wrong_form(errors);
                return None;
            }
        };
        Some((argument.name.clone(), value))
    }

    /// Returns a path: `model = Order`.
    pub(crate) fn path(&mut self, name: &str, errors: &mut Errors) -> Option<Path> {
        let argument = self.find(name)?;
        if let Value::Expr(Expr::Path(path)) = &argument.value
            && path.qself.is_none()
        {
            return Some(path.path.clone());
        }
        argument.wrong_form(errors);
        self.incomplete = true;
        None
    }

    /// Returns every list of a repeatable keyword: `index(a, b)`.
    pub(crate) fn lists(&self, name: &str, errors: &mut Errors) -> Vec<(Ident, Vec<Ident>)> {
        let mut lists = Vec::new();
        for argument in self
            .arguments
            .iter()
            .filter(|argument| argument.keyword.name == name)
        {
            match &argument.value {
                Value::List(names) if !names.is_empty() => {
                    lists.push((argument.name.clone(), names.clone()));
                }
                _ => argument.wrong_form(errors),
            }
        }
        lists
    }

    /// Returns every list of named values of a repeatable keyword: `has_many(lines = "Line")`.
    pub(crate) fn pairs(
        &self,
        name: &str,
        errors: &mut Errors,
    ) -> Vec<(Ident, Vec<(Ident, Expr)>)> {
        let mut all = Vec::new();
        for argument in self
            .arguments
            .iter()
            .filter(|argument| argument.keyword.name == name)
        {
            match &argument.value {
                Value::Pairs(pairs) => all.push((argument.name.clone(), pairs.clone())),
                _ => argument.wrong_form(errors),
            }
        }
        all
    }

    /// Returns the path of the items for generated code, `::shard_orm::__private` by default.
    pub(crate) fn crate_path(&mut self, errors: &mut Errors) -> Path {
        let token = self.string("crate", errors).and_then(|text| {
            text.parse_with(Path::parse_mod_style)
                .map_err(|_| errors.at(&text, "`crate` expects a path: `crate = \"my::path\"`"))
                .ok()
        });
        let mut path = token.unwrap_or_else(|| syn::parse_quote!(::shard_orm));
        path.segments
            .push(Ident::new("__private", Span::mixed_site()).into());
        path
    }
}
