//! `turnstile report`.

use analysis::{folds::AllFolds, replay};
use archive::{AtomicFile, folder_of};
use report::{ReportHeader, page, pictures};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{CliError, Servers, output::say, progress::shown, range::RangeArgs};

/// Answer all built-in questions on one page, with plots
///
/// The page needs no other file: it can be sent, read offline, and printed. The same range results
/// in the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// The file for the page; - for standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write each plot as an SVG file to this folder, too
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    #[command(flatten)]
    range: RangeArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile report --out report.html
  turnstile report --out march.html --from 2026-03-01 --to 2026-04-01
  turnstile report --out report.html --plots plots";

pub(crate) async fn run(args: ReportArgs, servers: &Servers) -> Result<(), CliError> {
    let range = args.range.range(&event_streams::ALL)?;
    let to_stdout = args.out == Path::new("-");
    if !to_stdout {
        // Before the log is read, which takes a while.
        try_writing(&args.out)?;
    }
    if let Some(folder) = &args.plots {
        fs::create_dir_all(folder).map_err(|error| CliError::file(folder, &error))?;
    }
    let log = servers.log().await?;
    let mut folds = AllFolds::default();
    let replayed = replay(
        &log,
        &range,
        &mut folds,
        shown("Replaying the log", "commits"),
    )
    .await?;
    let figures = folds.figures();
    let header = ReportHeader {
        range: in_words(&args.range),
        events: replayed.events,
    };
    let page = page(&header, &figures).map_err(CliError::failed)?;
    if to_stdout {
        say(page.trim_end())?;
    } else {
        write_whole(&args.out, &page)?;
    }
    if let Some(folder) = args.plots {
        fs::create_dir_all(&folder).map_err(|error| CliError::file(&folder, &error))?;
        for picture in pictures(&figures).map_err(CliError::failed)? {
            let file = folder.join(format!("{}.svg", picture.name));
            write_whole(&file, &picture.standalone())?;
        }
    }
    Ok(())
}

/// The range in words.
fn in_words(range: &RangeArgs) -> String {
    let list = |bounds: &[analysis::Bound]| {
        let texts: Vec<_> = bounds.iter().map(ToString::to_string).collect();
        texts.join(" and ")
    };
    match (list(&range.from).as_str(), list(&range.to).as_str()) {
        ("", "") => "the whole log".to_owned(),
        (from, "") => format!("from {from} on"),
        ("", to) => format!("up to {to}"),
        (from, to) => format!("from {from} up to {to}"),
    }
}

/// Writes a file atomically.
fn write_whole(path: &Path, content: &str) -> Result<(), CliError> {
    let written = || {
        let mut file = AtomicFile::create_in(folder_of(path))?;
        file.write_all(content.as_bytes())?;
        file.keep(path)
    };
    written()
        .map(|_| ())
        .map_err(|error| CliError::file(path, &error))
}

/// Refuses a file that can't be written. Leaves an existing one alone.
fn try_writing(path: &Path) -> Result<(), CliError> {
    if path.is_dir() {
        return Err(CliError::failed(format!(
            "{}: is a folder; say which file in it",
            path.display()
        )));
    }
    let tried = AtomicFile::create_in(folder_of(path));
    tried
        .map(|_| ())
        .map_err(|error| CliError::file(path, &error))
}
