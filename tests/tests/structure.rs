//! Checks of the source tree: no dependency from a lower module of the library to a higher one, no long file, no
//! module without a description.
//!
//! They read the sources as text; nothing is compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The most lines that a file has.
const LONGEST: usize = 450;

/// The most uses of `Dialect::` outside of `backend`. The number only gets smaller.
const DIALECT_MATCHES: usize = 4;

/// The library's modules from the ground up: a module uses those of the lines above its own.
const LAYERS: &[&[&str]] = &[
    &["clock", "dialect", "error", "random", "task", "units"],
    &["capability"],
    &["observe"],
    &["route"],
    &["backend"],
    &["schema"],
    &["config"],
    &["topology"],
    &["connect"],
    &["catalog"],
    &["cluster"],
    &["anomaly"],
    &["definition"],
    &["transaction"],
    &["exec"],
    &["plan"],
    &["replicate"],
    &["model"],
    &["id"],
    &["lock"],
    &["query"],
    &["record"],
    &["relation"],
    &["sync"],
    &["setup"],
    &["migrate"],
    &["reshard"],
    &["admin"],
    &["metrics"],
    &["testing", "prelude"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// All Rust files below a folder of the workspace, by their paths in the workspace.
fn sources(folder: &str) -> BTreeMap<PathBuf, String> {
    let root = root();
    let mut found = BTreeMap::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(&root).unwrap().to_owned(), text);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// The code of a file, without comments and without its module of tests.
fn code(text: &str) -> String {
    let tests = text.find("\nmod tests {");
    let text = &text[..tests.unwrap_or(text.len())];
    let lines = text.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The first names of the paths of a `use` tree: `a::b` of `a::{b, c}` is not looked at.
fn first_names(tree: &str) -> Vec<String> {
    let name = |text: &str| {
        let word = |letter: &char| letter.is_alphanumeric() || *letter == '_';
        text.trim_start()
            .chars()
            .take_while(word)
            .collect::<String>()
    };
    let Some(list) = tree.strip_prefix('{') else {
        return vec![name(tree)];
    };
    let (mut depth, mut names, mut begin) = (0, Vec::new(), 0);
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&list[begin..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&list[begin..at]));
                begin = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The modules behind the names that `lib.rs` exports from its root.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for line in code(lib).split(';') {
        let Some((_, path)) = line.split_once("pub use ") else {
            continue;
        };
        let Some((module, names)) = path.split_once("::") else {
            continue;
        };
        // Neither other crates nor what the generated code uses.
        if layer(module.trim()).is_some() {
            for name in first_names(names) {
                exports.insert(name, module.trim().to_owned());
            }
        }
    }
    exports
}

/// The module of a file of the library, `None` for `lib.rs` and for files of tests.
fn module(path: &Path) -> Option<String> {
    let path = path.strip_prefix("shard-orm/src").unwrap();
    let parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
    let is_test = parts.contains(&"tests") || parts.last() == Some(&"tests.rs");
    let module = parts[0].trim_end_matches(".rs");
    (module != "lib" && !is_test).then(|| module.to_owned())
}

#[test]
fn no_module_of_the_library_uses_a_higher_one() {
    let sources = sources("shard-orm/src");
    let exports = exports(&sources[Path::new("shard-orm/src/lib.rs")]);
    let mut wrong = BTreeSet::new();
    for (path, text) in &sources {
        let Some(from) = module(path) else {
            continue;
        };
        let own = layer(&from).unwrap_or_else(|| panic!("add the module `{from}` to LAYERS"));
        let code = code(text);
        for (at, _) in code.match_indices("crate::") {
            for name in first_names(&code[at + "crate::".len()..]) {
                let to = exports.get(&name).unwrap_or(&name);
                if layer(to).is_some_and(|other| other > own) {
                    let path = path.display();
                    wrong.insert(format!(
                        "{path} is of `{from}` and uses the higher module `{to}`"
                    ));
                }
            }
        }
    }
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_database_is_matched_on_in_backend() {
    let mut lines = Vec::new();
    for (path, text) in sources("shard-orm/src") {
        let is_allowed = matches!(module(&path).as_deref(), None | Some("backend" | "dialect"));
        let matches = code(&text).matches("Dialect::").count();
        if !is_allowed && matches > 0 {
            lines.push(format!("{}: {matches}", path.display()));
        }
    }
    let count = |line: &String| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
    let matches: usize = lines.iter().map(count).sum();
    assert!(
        matches == DIALECT_MATCHES,
        "lower DIALECT_MATCHES, or ask for a capability, or make the SQL in `backend`: {matches} uses of `Dialect::`\n{}",
        lines.join("\n")
    );
}

#[test]
fn no_file_is_long() {
    let mut long = Vec::new();
    for folder in [
        "shard-orm",
        "shard-orm-cli",
        "shard-orm-dashboard",
        "shard-orm-derive/src",
        "tests",
    ] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            if lines > LONGEST {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(
        long.is_empty(),
        "split at {LONGEST} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn every_module_opens_with_its_description() {
    let mut bare = Vec::new();
    for folder in [
        "shard-orm",
        "shard-orm-cli",
        "shard-orm-dashboard",
        "shard-orm-derive/src",
        "tests",
    ] {
        for (path, text) in sources(folder) {
            // Each of these is a program that does not compile.
            let is_case = path.starts_with("tests/compile-fail/tests/compile_fail");
            if !is_case && !text.starts_with("//! ") {
                bare.push(path.display().to_string());
            }
        }
    }
    assert!(
        bare.is_empty(),
        "say in `//!` what the file holds and who calls it:\n{}",
        bare.join("\n")
    );
}
