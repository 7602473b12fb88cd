//! Help, completions and exit codes.

use crate::support::tool;

const COMMANDS: [&[&str]; 10] = [
    &["events", "ls"],
    &["events", "tail"],
    &["events", "show"],
    &["history"],
    &["state"],
    &["tickets"],
    &["replay"],
    &["verify"],
    &["completions"],
    &["dead-letters", "show"],
];

#[tokio::test]
async fn every_command_has_help_with_examples() {
    for command in COMMANDS {
        let args: Vec<_> = command.iter().copied().chain(["--help"]).collect();
        let help = tool("", &args).await.well().stdout;
        assert!(help.contains("Examples:"), "{command:?}\n{help}");
        assert!(help.contains("--nats-url"), "{command:?}\n{help}");
    }
}

#[tokio::test]
async fn exit_codes_are_documented() {
    let help = tool("", &["--help"]).await.well().stdout;
    for code in 0..=4 {
        assert!(help.contains(&format!("\n  {code}  ")), "{code}\n{help}");
    }
    tool("", &["nonsense"]).await.with_code(2);
}

#[tokio::test]
async fn every_shell_can_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = tool("", &["completions", shell]).await.well().stdout;
        for command in COMMANDS {
            assert!(script.contains(command[0]), "{shell}: {command:?}");
        }
    }
}

#[tokio::test]
async fn servers_are_named_by_flag_too() {
    let archive = crate::support::Archive::start().await;
    let args = ["events", "ls", "--nats-url", archive.url()];
    tool("nats://127.0.0.1:9", &args).await.well();
}
