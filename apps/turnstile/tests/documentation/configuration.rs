//! docs/configuration.md

use std::process::Command;

use crate::read;

#[test]
fn the_table_of_variables_is_what_the_program_prints() {
    let program = Command::new(env!("CARGO_BIN_EXE_turnstile"))
        .args(["config", "--markdown"])
        .output()
        .unwrap();
    let table = String::from_utf8(program.stdout).unwrap();
    assert!(table.contains("NATS_URL"), "{table}");
    assert!(
        read("docs/configuration.md").contains(&table),
        "put this into docs/configuration.md:\n{table}"
    );
}
