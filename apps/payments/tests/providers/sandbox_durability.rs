//! The sandbox loses nothing that it acknowledged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use payments::provider::{
    Authorization, Intent, IntentStatus, PaymentProvider, ProviderBooks, ProviderError,
    ProviderRef, Sandbox, SandboxReader, SetupError,
};

use crate::support::{intent, journal_in, token};

/// Passes the journal to a process that a test starts from its own binary.
const WRITE_TO: &str = "SANDBOX_TEST_WRITES_TO";

async fn authorized(sandbox: &Sandbox) -> Result<ProviderRef, ProviderError> {
    let reference = sandbox.open(&intent()).await?;
    let answer = sandbox
        .authorize(&reference, &token("tok_visa"), "attempt")
        .await?;
    assert_eq!(answer, Authorization::Authorized);
    Ok(reference)
}

#[tokio::test]
async fn intents_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_in(&folder.path().join("made/when/missing"));
    let sandbox = Sandbox::open(&journal).unwrap();
    let (held, taken, freed) = (
        authorized(&sandbox).await.unwrap(),
        authorized(&sandbox).await.unwrap(),
        authorized(&sandbox).await.unwrap(),
    );
    sandbox.capture(&taken).await.unwrap();
    sandbox.void(&freed).await.unwrap();
    let before = sandbox.list(None).await.unwrap();
    drop(sandbox);

    let sandbox = Sandbox::open(&journal).unwrap();
    assert_eq!(sandbox.list(None).await.unwrap(), before);
    assert_eq!(sandbox.status(&held).await, Ok(IntentStatus::Authorized));
    assert_eq!(sandbox.status(&taken).await, Ok(IntentStatus::Captured));
    assert_eq!(sandbox.status(&freed).await, Ok(IntentStatus::Voided));
}

#[tokio::test]
async fn a_truncated_journal_keeps_its_complete_lines() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_in(folder.path());
    let sandbox = Sandbox::open(&journal).unwrap();
    let reference = authorized(&sandbox).await.unwrap();
    sandbox.capture(&reference).await.unwrap();
    drop(sandbox);
    let whole = std::fs::read(&journal).unwrap();

    // Around the end of each line at every byte, and at some places within the lines.
    let near_an_end = |cut: usize| {
        whole[cut.saturating_sub(3)..]
            .iter()
            .take(6)
            .any(|b| *b == b'\n')
    };
    for cut in (0..=whole.len()).filter(|cut| cut % 23 == 0 || near_an_end(*cut)) {
        let journal = folder.path().join(format!("cut-{cut}"));
        std::fs::write(&journal, &whole[..cut]).unwrap();
        let lines = whole[..cut].split(|byte| *byte == b'\n').count() - 1;
        let expected = [
            None,
            Some(IntentStatus::Open),
            Some(IntentStatus::Authorized),
        ];
        let expected = expected
            .get(lines)
            .copied()
            .unwrap_or(Some(IntentStatus::Captured));

        let reader = SandboxReader::open(&journal).unwrap();
        let listed = reader.list(None).await.unwrap().intents;
        let found = listed.iter().find(|intent| intent.reference == reference);
        let found = found.map(|intent| intent.status);
        assert_eq!(found, expected, "read, cut at {cut}");
        let sandbox = Sandbox::open(&journal).unwrap();
        assert_eq!(
            sandbox.status(&reference).await.ok(),
            expected,
            "cut at {cut}"
        );
        // The next entry begins on a new line.
        authorized(&sandbox).await.unwrap();
        drop(sandbox);
        let again = Sandbox::open(&journal).unwrap();
        assert_eq!(
            again.status(&reference).await.ok(),
            expected,
            "again, cut at {cut}"
        );
    }
}

#[tokio::test]
async fn an_impossible_line_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_in(folder.path());
    let sandbox = Sandbox::open(&journal).unwrap();
    authorized(&sandbox).await.unwrap();
    drop(sandbox);
    let text = std::fs::read_to_string(&journal).unwrap();
    let second = text.lines().nth(1).unwrap();
    for (damaged, line) in [
        (format!("{second}\n"), 1),
        (format!("{text}{second}\n"), 3),
        (text.replacen('{', "[", 1), 1),
    ] {
        std::fs::write(&journal, damaged).unwrap();
        let error = Sandbox::open(&journal).err().unwrap();
        assert!(
            matches!(error, SetupError::Corrupt { line: of, .. } if of == line),
            "{error}"
        );
        assert!(
            error.to_string().contains(&format!("line {line}")),
            "{error}"
        );
    }
}

#[test]
fn a_journal_admits_one_writer_and_any_reader() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_in(folder.path());
    let first = Sandbox::open(&journal).unwrap();
    let second = Sandbox::open_within(&journal, Duration::from_millis(50));
    assert!(matches!(second, Err(SetupError::InUse { .. })));
    SandboxReader::open(&journal).unwrap();
    drop(first);
    Sandbox::open(&journal).unwrap();
}

#[tokio::test]
async fn a_reader_sees_all_entries_and_writes_none() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_in(folder.path());
    assert!(
        SandboxReader::open(&journal)
            .unwrap()
            .list(None)
            .await
            .unwrap()
            .intents
            .is_empty()
    );
    assert!(!journal.exists());

    let sandbox = Sandbox::open(&journal).unwrap();
    authorized(&sandbox).await.unwrap();
    let reader = SandboxReader::open(&journal).unwrap();
    let listed = reader.list(None).await.unwrap().intents;
    assert_eq!(listed[0].status, IntentStatus::Authorized);
    assert_eq!(reader.list(None).await, sandbox.list(None).await);
}

/// Runs the named test of this binary in a separate process, where it writes into the journal.
fn writer(test: &str, journal: &Path, before: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(WRITE_TO, journal)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Holds money until that fails, and prints what it holds, one per line.
async fn write_until_it_fails(sandbox: &Sandbox) {
    while let Ok(reference) = authorized(sandbox).await {
        println!("\nheld {reference}");
    }
    // Failed requests aren't stored, acknowledged ones are, and reads still work.
    let listed = sandbox.list(None).await.unwrap().intents;
    let held = listed
        .iter()
        .filter(|intent| intent.status == IntentStatus::Authorized)
        .count();
    println!("\nfailed after {held} of the first page");
}

fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
}

#[tokio::test]
async fn every_acknowledged_hold_survives_a_kill() {
    if let Some(journal) = std::env::var_os(WRITE_TO) {
        return write_until_it_fails(&Sandbox::open(journal).unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_in(folder.path());
    let mut held = Vec::new();
    for round in 1..=4 {
        let test = "sandbox_durability::every_acknowledged_hold_survives_a_kill";
        let mut child = writer(test, &journal, "");
        let mut lines =
            said(&mut child).filter_map(|line| Some(line.strip_prefix("held ")?.to_owned()));
        held.extend(lines.by_ref().take(7 * round));
        child.kill().unwrap();
        held.extend(lines);
        child.wait().unwrap();
    }
    assert!(held.len() >= 70, "{}", held.len());
    let sandbox = Sandbox::open(&journal).unwrap();
    for reference in held {
        let status = sandbox.status(&ProviderRef::new(reference)).await;
        assert_eq!(status, Ok(IntentStatus::Authorized));
    }
}

#[tokio::test]
async fn a_full_disk_loses_no_acknowledged_entry() {
    if let Some(journal) = std::env::var_os(WRITE_TO) {
        let sandbox = Sandbox::open(journal).unwrap();
        // An entry that doesn't fit leaves nothing behind that would damage later ones.
        let too_long = Intent {
            currency: "x".repeat(100_000),
            ..intent()
        };
        let result = sandbox.open(&too_long).await;
        assert!(
            matches!(result, Err(ProviderError::Unreachable { .. })),
            "{result:?}"
        );
        return write_until_it_fails(&sandbox).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = journal_in(folder.path());
    let test = "sandbox_durability::a_full_disk_loses_no_acknowledged_entry";
    // A limit on the size of files simulates a full disk.
    let mut child = writer(test, &journal, "trap '' XFSZ; ulimit -f 16;");
    let said: Vec<_> = said(&mut child).collect();
    assert!(child.wait().unwrap().success(), "{said:?}");
    let held: Vec<_> = said
        .iter()
        .filter_map(|line| line.strip_prefix("held "))
        .collect();
    let failed = format!("failed after {} of the first page", held.len());
    assert!(said.contains(&failed), "{failed:?} is not among {said:?}");
    assert!(held.len() > 5, "{said:?}");

    let sandbox = Sandbox::open(&journal).unwrap();
    for reference in held {
        let status = sandbox.status(&ProviderRef::new(reference)).await;
        assert_eq!(status, Ok(IntentStatus::Authorized));
    }
    authorized(&sandbox).await.unwrap();
}
