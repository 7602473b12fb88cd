//! The program as a command line tool.

use serde_json::Value;
use std::process::Stdio;

pub const TURNSTILE: &str = env!("CARGO_BIN_EXE_turnstile");

/// The result of the tool.
#[derive(Debug)]
pub struct Tool {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// Its error output.
    pub stderr: String,
}

/// Runs the tool against a NATS server; `args` may name others.
pub async fn tool(nats: &str, args: &[&str]) -> Tool {
    let output = tokio::process::Command::new(TURNSTILE)
        .args(args)
        .env("NATS_URL", nats)
        // A test that needs one names it; the developer's own must not be used.
        .env("MONGODB_URI", "mongodb://127.0.0.1:9")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    Tool {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Tool {
    /// Checks that it succeeded.
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
