//! Renders the table of variables.

use std::fmt::Write as _;

use super::VARS;

/// Every variable as a table of plain text, for `--help`.
pub fn help() -> String {
    let mut text = String::from("Environment variables:\n");
    for var in VARS {
        let default = var.default.map_or("unset".to_owned(), |d| format!("{d:?}"));
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "  {}\n      {}\n      {}; default: {default}",
            var.name, var.doc, var.allowed
        );
    }
    text
}

/// Every variable as a Markdown table, for the documentation.
pub fn markdown() -> String {
    let mut text = String::from("| variable | default | allowed | what for |\n|---|---|---|---|\n");
    for var in VARS {
        let default = var.default.map_or(String::new(), |d| format!("`{d}`"));
        let _ = writeln!(
            text,
            "| `{}` | {default} | {} | {} |",
            var.name, var.allowed, var.doc
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_and_documentation_name_every_variable_once() {
        let (help, markdown) = (help(), markdown());
        for var in VARS {
            assert_eq!(help.matches(&format!("  {}\n", var.name)).count(), 1);
            assert_eq!(markdown.matches(&format!("| `{}` |", var.name)).count(), 1);
        }
    }
}
