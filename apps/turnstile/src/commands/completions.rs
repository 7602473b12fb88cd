//! `turnstile completions`.

use std::io::Write as _;

use super::CliError;

/// Print the script that completes this tool's commands in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  turnstile completions bash > /etc/bash_completion.d/turnstile
  turnstile completions zsh > \"${fpath[1]}/_turnstile\"
  turnstile completions fish > ~/.config/fish/completions/turnstile.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &CompletionsArgs, command: &mut clap::Command) -> Result<(), CliError> {
    // Into memory first: the generator panics if standard output is a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "turnstile", &mut script);
    let mut stdout = std::io::stdout();
    let written = stdout.write_all(&script).and_then(|()| stdout.flush());
    written.map_err(CliError::Output)
}
