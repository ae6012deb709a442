//! Reads a TOML configuration file, and keeps the line of each part for messages.

use std::path::{Path, PathBuf};

use super::{Config, Origin, Report};
use crate::error::{Error, Result};

mod catalog;
mod environment;
mod ids;
mod scalar;
mod secrets;
mod shape;
mod strategy;
mod table;

use environment::Environment;
pub(crate) use secrets::literal_passwords;
use table::{Context, Table};

/// Reads a file and reports its problems; relative SQLite paths are resolved against its folder.
pub(crate) fn parse_file(path: &Path) -> Result<(Config, Report)> {
    let cannot = |error: std::io::Error| {
        Error::configuration(format!(
            "cannot read the configuration file {}: {error}",
            path.display()
        ))
        .with_source(error)
    };
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    let absolute = std::path::absolute(path).map_err(cannot)?;
    let origin = Origin {
        file: Some(path.to_owned()),
        folder: absolute.parent().map(Path::to_owned),
        ..Origin::default()
    };
    read(&text, origin, &environment::process)
}

/// Reads a document of the catalog; relative SQLite paths are resolved against `folder`.
pub(crate) fn parse_document(text: &str, folder: Option<PathBuf>) -> Result<(Config, Report)> {
    let origin = Origin {
        folder,
        ..Origin::default()
    };
    read(text, origin, &environment::process)
}

/// Reads a string and reports its problems.
pub(crate) fn parse_text(text: &str) -> Result<(Config, Report)> {
    read(text, Origin::default(), &environment::process)
}

fn read(text: &str, origin: Origin, environment: &Environment<'_>) -> Result<(Config, Report)> {
    let (tree, mistakes) = toml::de::DeTable::parse_recoverable(text);
    let mut report = Report::new(origin);
    let context = Context::new(text, environment);
    if !mistakes.is_empty() {
        // A partially parsed tree would cause misleading problems, so nothing else is checked. The
        // parser's own message is not used: it repeats the line, which may hold a password.
        for mistake in mistakes {
            let line = mistake.span().map(|span| context.line(span.start));
            report.add_at("", line, format!("invalid TOML: {}", mistake.message()));
        }
        return report.finish(None);
    }
    let mut config = shape::config(Table::root(&context, tree.get_ref()));
    context.into_report(&mut report);
    config.origin = report.origin().clone();
    if let Some(catalog) = &mut config.catalog {
        let Origin { file, folder, .. } = report.origin();
        catalog::locate(catalog, file.as_deref(), folder.as_deref());
    }
    Ok((config, report))
}
