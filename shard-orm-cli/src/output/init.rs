//! Prints which files were written.

use serde_json::json;

use super::Output;
use crate::Result;
use crate::commands::init::Written;

/// Prints a line for each file. JSON: `{"files": [{"path", "created"}]}`.
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, written: &[Written]) -> Result<()> {
    if output.is_json() {
        let files: Vec<_> = written
            .iter()
            .map(|one| json!({ "path": one.path, "created": one.created }))
            .collect();
        return output.json(&json!({ "files": files }));
    }
    let mut text = String::new();
    for one in written {
        let what = if one.created {
            "created"
        } else {
            "exists, left as it is:"
        };
        text.push_str(&format!("{what} {}\n", one.path.display()));
    }
    text.push_str(
        "Edit the configuration, then run `shard-orm setup`, `shard-orm migrate up` and `shard-orm \
         check`.\n",
    );
    output.text(&text)
}
