//! `migrations!`: embeds a folder of migrations in the program.

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

/// Expands to `Migrations::embedded` with the text of each file.
pub(crate) fn expand(folder: &LitStr) -> syn::Result<TokenStream> {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let path = root.unwrap_or_default().join(folder.value());
    let mut files = Vec::new();
    for (name, folder_path) in entries(&path, folder)? {
        if !folder_path.is_dir() {
            continue;
        }
        for (file, path) in entries(&folder_path, folder)? {
            if path.extension().is_some_and(|extension| extension == "sql") {
                let text = path.to_str().ok_or_else(|| {
                    syn::Error::new_spanned(folder, "a path in the folder is not valid UTF-8")
                })?;
                let name = format!("{name}/{file}");
                // `include_str!` makes the compiler notice changes of the file.
                files.push(quote! { (#name, ::core::include_str!(#text)) });
            }
        }
    }
    Ok(quote! { ::shard_orm::migrate::Migrations::embedded(&[#(#files),*]) })
}

/// The entries of a folder, by name.
fn entries(path: &Path, folder: &LitStr) -> syn::Result<Vec<(String, PathBuf)>> {
    let unreadable = |error: std::io::Error| {
        let message = format!(
            "cannot read the migrations folder {}: {error}",
            path.display()
        );
        syn::Error::new_spanned(folder, message)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|name| !name.starts_with('.')) {
            found.push((name.to_owned(), path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
