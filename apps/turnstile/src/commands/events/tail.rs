//! `turnstile events tail`.

use eventstore::{Log, StreamName};
use futures_util::{Stream, StreamExt, stream, stream::select_all};

use super::{
    columns::{ColumnArgs, Writer, explained},
    filter::Filter,
    newest::write_newest,
    row::{Found, as_found},
};
use crate::commands::{CliError, Servers, output::OutputArgs};

/// Show the newest events; with -f, follow new ones
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", explained()))]
pub(crate) struct TailArgs {
    /// Continue with new events as they are stored, until Ctrl-C, even after a lost connection
    #[arg(long, short, conflicts_with = "to")]
    follow: bool,
    #[command(flatten)]
    filter: Filter,
    /// Number of events. Beyond 10,000 they are located first, and then read once more
    #[arg(
        long,
        short = 'n',
        value_name = "COUNT",
        default_value_t = 20,
        help_heading = "Filters"
    )]
    count: usize,
    #[command(flatten)]
    columns: ColumnArgs,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile events tail -f
  turnstile events tail -n 5 --type PaymentDeclined
  turnstile events tail -f --stream ORDERS --json | jq -r .event_type";

pub(super) async fn run(args: TailArgs, servers: &Servers) -> Result<(), CliError> {
    let log = servers.log().await?;
    let span = args.filter.span(&log).await?;
    let mut writer = Writer::new(args.output.open(), args.columns);
    let newest = write_newest(&args.filter, &log, &span, args.count, &mut writer).await;
    // Rows before a fault are printed before it.
    writer.flush()?;
    newest?;
    if !args.follow {
        writer.end()?;
        return Ok(());
    }
    let skip = args.filter.skip_unreadable;
    let to_come = args.filter.streams().into_iter().map(|stream| {
        let after = span.end(stream);
        follow(&log, stream, after, skip).boxed()
    });
    // In order of arrival: to wait until no other stream can have an earlier one would mean to wait
    // for the next event of the quietest.
    let mut to_come = select_all(to_come);
    while let Some(found) = to_come.next().await {
        for row in args.filter.rows_of(&log, found?).await? {
            writer.write(row)?;
        }
        writer.flush()?;
    }
    Ok(())
}

/// Follows a stream, and continues behind unreadable messages if requested.
fn follow(
    log: &Log,
    stream: StreamName,
    after: u64,
    skip: bool,
) -> impl Stream<Item = Result<Found, CliError>> {
    let begin = log.reader().follow(stream, after).boxed();
    stream::unfold(Some(begin), move |state| async move {
        let mut commits = state?;
        match commits.next().await? {
            Ok(commit) => Some((Ok(Ok(commit)), Some(commits))),
            Err(error) if skip => Some(match as_found(error) {
                Ok(finding) => {
                    let on = log.reader().follow(stream, finding.sequence).boxed();
                    (Ok(Err(finding)), Some(on))
                }
                Err(error) => (Err(error.into()), None),
            }),
            Err(error) => Some((Err(error.into()), None)),
        }
    })
}
