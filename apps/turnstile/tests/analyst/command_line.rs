//! Help, completions and exit codes.

use std::process::Stdio;

use crate::support::{Season, TURNSTILE, tool};

/// Commands that neither query nor change the log: their help has no examples.
const PLAIN: [&str; 3] = ["serve", "config", "help"];

/// All commands in the help, with their subcommands.
async fn commands() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![Vec::new()];
    while let Some(command) = open.pop() {
        let help = help(&command).await;
        let names: Vec<_> = help
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .take_while(|line| !line.is_empty())
            // Deeper indentation continues a description.
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| !PLAIN.contains(name))
            .collect();
        if names.is_empty() {
            found.push(command);
            continue;
        }
        for name in names {
            let mut command = command.clone();
            command.push(name.to_owned());
            open.push(command);
        }
    }
    found
}

async fn help(command: &[String]) -> String {
    let args = command.iter().map(String::as_str).chain(["--help"]);
    let args: Vec<_> = args.collect();
    tool("", &args).await.well().stdout
}

#[tokio::test]
async fn every_command_has_help_with_examples() {
    let commands = commands().await;
    assert!(commands.len() > 25, "{commands:?}");
    for command in commands {
        let help = help(&command).await;
        assert!(help.contains("Examples:"), "{command:?}\n{help}");
        assert!(help.contains("--nats-url"), "{command:?}\n{help}");
    }
}

#[tokio::test]
async fn without_a_command_only_the_help_is_shown() {
    let bare = tool("nats://127.0.0.1:9", &[]).await.with_code(2);
    assert!(
        bare.stderr.contains("Commands:\n  serve"),
        "{}",
        bare.stderr
    );
    assert_eq!(bare.stdout, "");
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
async fn every_line_of_json_has_a_type() {
    let season = Season::write().await;
    let url = season.archive.url();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().to_str().unwrap();
    let ticket = Season::ticket(1).to_string();
    for args in [
        &["events", "ls"][..],
        &["events", "tail"],
        &["events", "show", "ORDERS:1"],
        &["events", "show", "ORDERS:1", "--raw"],
        &["state", &ticket],
        &["history", &ticket],
        &["tickets"],
        &["replay", "sales"],
        &["users", "ls"],
        &["verify", "--log-only"],
        &["streams", "ls"],
        &["streams", "check"],
        &["config"],
        &["backup", "--to", backup],
    ] {
        let args = [args, &["--json"]].concat();
        let lines = tool(url, &args).await.well().json();
        assert!(!lines.is_empty(), "{args:?}");
        for line in lines {
            let says = line["kind"].is_string() || line["table"].is_string();
            assert!(says, "{args:?}: {line}");
        }
    }
}

#[tokio::test]
async fn shells_complete_the_values_of_options() {
    let script = tool("", &["completions", "bash"]).await.well().stdout;
    for choice in [
        "USERS TICKETS ORDERS PAYMENTS",
        "PaymentDeclined",
        "payable_orders",
    ] {
        assert!(script.contains(choice), "{choice}");
    }
}

#[tokio::test]
async fn every_shell_completes_every_command() {
    let commands = commands().await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = tool("", &["completions", shell]).await.well().stdout;
        for word in commands.iter().flatten() {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[tokio::test]
async fn flags_name_servers_too() {
    let archive = crate::support::Archive::start().await;
    let args = ["events", "ls", "--nats-url", archive.url()];
    tool("nats://127.0.0.1:9", &args).await.well();
}

/// Runs the tool on its own terminal; returns everything that is shown there.
async fn on_a_terminal(nats: &str, args: &[&str]) -> String {
    let program =
        "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let output = tokio::process::Command::new("python3")
        .args(["-c", program, TURNSTILE])
        .args(args)
        .env("NATS_URL", nats)
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}");
    shown
}

#[tokio::test]
async fn terminals_get_tables_and_pipes_get_json() {
    let season = Season::write().await;
    let url = season.archive.url();
    for args in [
        &["events", "ls", "--type", "OrderPlaced"][..],
        &["replay", "sales"],
        &["tickets"],
    ] {
        let with = |option| -> Vec<_> { args.iter().copied().chain([option]).collect() };
        let piped = tool(url, args).await.well();
        assert!(!piped.json().is_empty(), "{args:?}");
        let table = tool(url, &with("--table")).await.well().stdout;
        assert!(!table.starts_with('{'), "{args:?}: {table}");
        let shown = on_a_terminal(url, args).await.replace("\r\n", "\n");
        assert_eq!(shown, table, "{args:?}");
        let json = on_a_terminal(url, &with("--json")).await;
        assert_eq!(json.replace("\r\n", "\n"), piped.stdout, "{args:?}");
    }
}

#[tokio::test]
async fn slow_operations_show_rate_and_remaining_time() {
    let nats = testkit::Nats::start().await;
    // Some 60,000 events: no machine writes them within a second.
    let size = [
        "simulate",
        "--tickets",
        "6000",
        "--sellers",
        "100",
        "--days",
        "30",
    ];
    let shown = on_a_terminal(nats.url(), &size).await;
    assert!(shown.contains("commits"), "{shown}");
    assert!(shown.contains("/s, ") && shown.contains(" left"), "{shown}");
    let piped = tool(nats.url(), &["verify", "--log-only"]).await.well();
    assert_eq!(piped.stderr, "", "nobody looks");
}
