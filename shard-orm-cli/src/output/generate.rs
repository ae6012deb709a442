//! Prints which models were written, and what they do not say.

use std::path::Path;

use shard_orm::migrate::GeneratedModels;

use super::{Output, WARNING};
use crate::Result;

/// Prints the files that were written. JSON: the library's [`GeneratedModels`].
///
/// # Errors
/// If the output is closed.
pub fn written(output: &Output, folder: &Path, generated: &GeneratedModels) -> Result<()> {
    if output.is_json() {
        return output.json(generated);
    }
    let mut text = String::new();
    for file in &generated.files {
        text.push_str(&format!("created {}\n", folder.join(&file.path).display()));
    }
    if let Some(declarations) = &generated.declarations {
        text.push_str("Add to the file of the modules, which is left as it is:\n");
        text.push_str(declarations);
    }
    if generated.files.is_empty() && generated.unmapped.is_empty() {
        text.push_str("there are no tables\n");
    }
    output.text(&text)?;
    notes(output, generated)
}

/// Prints the texts of the files. JSON: the library's [`GeneratedModels`].
///
/// # Errors
/// If the output is closed.
pub fn texts(output: &Output, generated: &GeneratedModels) -> Result<()> {
    if output.is_json() {
        return output.json(generated);
    }
    let texts = generated.files.iter();
    let texts = texts.map(|file| format!("// {}\n{}", file.path, file.text));
    let texts: Vec<String> = texts.collect();
    output.text(&texts.join("\n"))?;
    notes(output, generated)
}

/// What the user's crate needs, and what the models do not say.
fn notes(output: &Output, generated: &GeneratedModels) -> Result<()> {
    if !generated.features.is_empty() {
        let features = generated.features.iter().copied();
        let features = features.collect::<Vec<_>>().join(", ");
        output.message(&format!(
            "The models need these features of shard-orm, and the crates of their types: {features}"
        ))?;
    }
    for unmapped in &generated.unmapped {
        output.message(&format!("{WARNING}not in a model:{WARNING:#} {unmapped}"))?;
    }
    Ok(())
}
