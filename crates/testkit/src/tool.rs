//! A command line tool that is run to its end.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

/// What a tool said.
#[derive(Debug)]
pub struct Tool {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// Its error output.
    pub stderr: String,
}

// Showing is what they are called for.
#[allow(clippy::return_self_not_must_use)]
impl Tool {
    /// Runs a command that gets no input.
    pub async fn run(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.expect("the tool can be run");
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Shows that it ended well.
    #[track_caller]
    pub fn assert_success(&self) {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
    }

    /// Shows that it ended well.
    #[track_caller]
    pub fn well(self) -> Self {
        self.with_code(0)
    }

    /// Checks that it ended with this code.
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that its output contains this.
    #[track_caller]
    pub fn says(self, what: &str) -> Self {
        let said = format!("{}\n{}", self.stdout, self.stderr);
        assert!(said.contains(what), "it didn't say {what:?}:\n{said}");
        self
    }

    /// The lines of JSON that it printed.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}
