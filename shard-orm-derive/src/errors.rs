//! Collects the errors of one input, so that one compilation reports all of them.

use std::fmt::Display;

use quote::ToTokens;

/// The errors found so far.
#[derive(Debug, Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds an error at these tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds an error.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Returns the value, or all errors if there are any.
    pub(crate) fn finish<T>(self, made: Option<T>) -> syn::Result<T> {
        match (self.0, made) {
            (None, Some(made)) => Ok(made),
            (Some(errors), _) => Err(errors),
            (None, None) => Err(syn::Error::new(
                proc_macro2::Span::call_site(),
                "the derive failed without an error; please report this",
            )),
        }
    }
}

/// Returns the messages of a derive for an input, in order.
#[cfg(test)]
pub(crate) fn messages(
    derive: fn(&syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>,
    input: &syn::DeriveInput,
) -> Vec<String> {
    match derive(input) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
    }
}
