//! The program's own descriptions, and the pages that repeat them.

use std::process::Command;

use crate::read;

fn printed(args: &[&str]) -> String {
    let program = Command::new(env!("CARGO_BIN_EXE_turnstile"))
        .args(args)
        .output()
        .unwrap();
    String::from_utf8(program.stdout).unwrap()
}

#[test]
fn the_table_of_variables_is_what_the_program_prints() {
    let table = printed(&["config", "--markdown"]);
    assert!(table.contains("NATS_URL"), "{table}");
    assert!(
        read("docs/configuration.md").contains(&table),
        "put this into docs/configuration.md:\n{table}"
    );
}

/// The commands in a help, in its order.
fn commands(args: &[&str]) -> Vec<String> {
    let help = printed(args);
    let (_, after) = help.split_once("Commands:\n").unwrap_or_default();
    let lines = after.lines().take_while(|line| line.starts_with("  "));
    let named = lines.filter_map(|line| line.split_whitespace().next());
    named
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_of_the_program_is_in_the_reference() {
    let tables = read("docs/commands.md");
    let readme = read("README.md");
    let all = commands(&["--help"]);
    assert!(all.len() > 20, "{all:?}");
    for command in all {
        let its_own = commands(&[&command, "--help"]);
        let row = tables.lines().find(|line| {
            let of_this = [format!("turnstile {command}"), format!("`{command}`")];
            line.starts_with("| `") && of_this.iter().any(|name| line.contains(name))
        });
        let row = row.unwrap_or_else(|| panic!("{command} is in no table"));
        assert!(
            readme.contains(&format!("`{command}`")),
            "README: {command}"
        );
        for sub in its_own {
            let named = [format!("`{sub}`"), format!("{command} {sub}`")];
            assert!(
                named.iter().any(|name| row.contains(name)),
                "{command} {sub} is missing in\n{row}"
            );
        }
    }
}
