//! `turnstile dead-letters`: messages that a worker could not handle.

use analysis::{EventRow, stream_named};
use eventstore::{DeadLetter, Log};
use serde_json::json;

use super::{
    CliError, Servers,
    events::raw,
    output::{OutputArgs, say},
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List dead letters, oldest first
    #[command(after_long_help = LS)]
    Ls(LsArgs),
    /// Show one with its events, or the stored message if it can't be read
    #[command(after_long_help = SHOW)]
    Show(ShowArgs),
    /// Have the worker handle one, or all, again
    #[command(
        after_long_help = "Examples:\n  turnstile dead-letters retry 3\n  turnstile dead-letters retry --all"
    )]
    Retry(Which),
    /// Drop one, or all: their messages are never handled
    #[command(after_long_help = "Examples:\n  turnstile dead-letters drop 3")]
    Drop(Which),
}

const LS: &str = "As JSON, one per line:
  kind          dead_letter
  id            its number, for `show`, `retry` and `drop`
  subscription  the worker that could not handle it
  stream        stream of the message
  sequence      its place there
  key           the aggregate that it is about, or the command
  error         why, at the last try
  tries         how often it was tried
  at            when it was set aside

Examples:
  turnstile dead-letters ls
  turnstile dead-letters ls --json | jq -r .error | sort | uniq -c";

const SHOW: &str = "In JSON:
  letter      as `ls` shows it
  events      what could not be handled, as `turnstile events show` explains it
  unreadable  why the events can't be read, if they can't
  message     the message as it is stored, if its events can't be read: as `events show --raw`

Examples:
  turnstile dead-letters show 3";

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The dead letter's number, from `ls`
    id: u64,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The dead letter's number, from `ls`
    id: Option<u64>,
    /// All that `ls` lists
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(command: DeadLettersCommand, servers: &Servers) -> Result<(), CliError> {
    let log = servers.log().await?;
    let letters = log.dead_letters().list().await?;
    match command {
        DeadLettersCommand::Ls(args) => ls(&letters, args.output)?,
        DeadLettersCommand::Show(args) => show(&log, one(&letters, args.id)?, args.output).await?,
        DeadLettersCommand::Retry(which) => {
            // A failing output doesn't stop the work.
            let mut said = Ok(());
            for letter in chosen(&letters, which)? {
                log.dead_letters().retry(letter).await?;
                let done = format!(
                    "{}: {} tries {}#{} again",
                    letter.id, letter.subscription, letter.stream, letter.sequence
                );
                said = said.and_then(|()| say(&done));
            }
            said?;
        }
        DeadLettersCommand::Drop(which) => {
            let mut said = Ok(());
            for letter in chosen(&letters, which)? {
                log.dead_letters().drop(letter).await?;
                said = said.and_then(|()| say(&format!("{}: dropped", letter.id)));
            }
            said?;
        }
    }
    Ok(())
}

fn ls(letters: &[DeadLetter], output: OutputArgs) -> Result<(), CliError> {
    let mut output = output.open();
    for letter in letters {
        let words = format!(
            "{:>4}  {}  {}  {}#{}  {} tries\n      {}",
            letter.id,
            letter.at.format("%Y-%m-%d %H:%M:%S"),
            letter.subscription,
            letter.stream,
            letter.sequence,
            letter.tries,
            letter.error
        );
        output.tell(&words, "dead_letter", letter)?;
    }
    eprintln!("{} dead letters", letters.len());
    Ok(())
}

async fn show(log: &Log, letter: &DeadLetter, output: OutputArgs) -> Result<(), CliError> {
    // A due command is in no stream of events; the letter describes it.
    let events = match stream_named(&letter.stream) {
        Some(stream) => match log.reader().commit_at(stream, letter.sequence).await {
            Ok(commit) => EventRow::of(&commit),
            Err(error) => Err(error),
        },
        None => Ok(Vec::new()),
    };
    let (events, unreadable) = match events {
        Ok(events) => (events, None),
        Err(error) if error.retry_after().is_some() => return Err(error.into()),
        // That may be the reason for the dead letter.
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let events: Vec<_> = events.into_iter().map(EventRow::without_secrets).collect();
    let message = match unreadable {
        Some(_) => log.dead_letters().message_of(letter).await?,
        None => None,
    };
    let mut output = output.open();
    if output.is_table() {
        let shown = json!({ "letter": letter, "events": events, "unreadable": unreadable });
        output.line(&serde_json::to_string_pretty(&shown).unwrap_or_default())?;
        if let Some(message) = &message {
            output.line("")?;
            raw::write(&mut output, message)?;
        }
    } else {
        let message = message.as_ref().map(raw::as_json);
        let shown = json!({
            "letter": letter,
            "events": events,
            "unreadable": unreadable,
            "message": message,
        });
        output.record("dead_letter", &shown)?;
    }
    output.flush()
}

fn chosen(letters: &[DeadLetter], which: Which) -> Result<Vec<&DeadLetter>, CliError> {
    match which.id {
        Some(id) => Ok(vec![one(letters, id)?]),
        None => Ok(letters.iter().collect()),
    }
}

fn one(letters: &[DeadLetter], id: u64) -> Result<&DeadLetter, CliError> {
    let letter = letters.iter().find(|letter| letter.id == id);
    letter.ok_or_else(|| {
        CliError::failed(format!(
            "no dead letter {id}; `turnstile dead-letters ls` lists them"
        ))
    })
}
