//! `turnstile config`.

use httpkit::config::{VARS, help, markdown};
use serde_json::json;

use super::{
    CliError,
    output::{SaidArgs, say},
};

/// List every environment variable, with its default and accepted values
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// As a Markdown table, for the documentation
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    said: SaidArgs,
}

pub(crate) fn run(args: ConfigArgs) -> Result<(), CliError> {
    if args.markdown {
        say(markdown().trim_end())?;
        return Ok(());
    }
    let mut output = args.said.open();
    if output.is_table() {
        output.line(help().trim_end())?;
    } else {
        for variable in VARS {
            let shown = json!({
                "name": variable.name,
                "default": variable.default,
                "allowed": variable.allowed,
                "doc": variable.doc,
            });
            output.record("variable", &shown)?;
        }
    }
    output.flush()
}
