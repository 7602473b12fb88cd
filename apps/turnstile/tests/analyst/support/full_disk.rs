//! A full disk.

use std::path::Path;
use testkit::{Nats, Tool};

use super::TURNSTILE;

/// Mounts a small file system over the folder, for the tool alone, with the contents of the folder,
/// and leaves the tool's files there.
const MOUNTED: &str = r#"
mount --bind "$FOLDER" "$REAL" && mount -t tmpfs -o size="${KIB}k" none "$FOLDER" || exit 99
cp -a "$REAL/." "$FOLDER"
"$@"
code=$?
cp -a "$FOLDER/." "$REAL"
exit $code
"#;

/// Where mounting isn't allowed: no file may be longer than 16 KiB, which is reported like a full
/// disk. The shell ignores the signal that would come with it, and so does the program that
/// replaces it.
const LIMITED: &str = r#"trap '' XFSZ; ulimit -f 16; exec "$@""#;

/// Runs the tool while only this number of KiB fits into a folder.
pub async fn without_room(nats: &Nats, folder: &Path, kib: u32, args: &[&str]) -> Tool {
    let real = tempfile::tempdir().unwrap();
    let run = async |program: &[&str], script: &str| {
        let mut command = tokio::process::Command::new(program[0]);
        command
            .args(&program[1..])
            .args(["bash", "-c", script, "bash", TURNSTILE])
            .args(args)
            .env("NATS_URL", nats.url())
            .env("FOLDER", folder)
            .env("REAL", real.path())
            .env("KIB", kib.to_string());
        Tool::run(&mut command).await
    };
    // The mounts belong to the tool and end with it: for root as it is, for others as root of a
    // separate namespace, where that is allowed.
    for own in [
        &["unshare", "--mount"][..],
        &["unshare", "--map-root-user", "--mount"][..],
    ] {
        let may = tokio::process::Command::new(own[0])
            .args(&own[1..])
            .args(["mount", "-t", "tmpfs", "none"])
            .arg(real.path())
            .output()
            .await;
        if may.is_ok_and(|tried| tried.status.success()) {
            return run(own, MOUNTED).await;
        }
    }
    eprintln!("nothing may be mounted here: files are limited instead");
    run(&["env"], LIMITED).await
}

/// Shows that there was no room, and that one line says for which file.
#[track_caller]
pub fn had_no_room_for(tool: Tool, file: &str) {
    let said = tool.with_code(2).stderr;
    let why = ["No space left on device", "File too large"];
    assert!(why.iter().any(|why| said.contains(why)), "{said}");
    assert!(said.contains(file), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
