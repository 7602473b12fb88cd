//! Runs the commands in the README: each block in a shell, and compares the output below it.

use tokio::process::Command;
use uuid::Uuid;

use crate::support::Site;

/// Printed after each block.
const END: &str = "--- end of a block ---";

/// A block to run, and its expected lines of output.
struct Step<'r> {
    run: &'r str,
    shown: Vec<&'r str>,
}

fn steps(readme: &str) -> Vec<Step<'_>> {
    let from = readme.split("\n## Try it\n").nth(1).unwrap();
    let section = from.split("\n## ").next().unwrap();
    let mut steps: Vec<Step<'_>> = Vec::new();
    for fenced in section.split("```").skip(1).step_by(2) {
        if let Some(run) = fenced.strip_prefix("sh\n") {
            let shown = Vec::new();
            steps.push(Step { run, shown });
        } else if let Some(shown) = fenced.strip_prefix("json\n") {
            let step = steps.last_mut().expect("an answer follows a request");
            step.shown.extend(shown.lines());
        }
    }
    steps
}

/// The text with all IDs made equal.
fn without_ids(text: &str) -> String {
    let parts = text.split('"');
    let parts = parts.map(|part| Uuid::parse_str(part).map_or(part, |_| "ID"));
    parts.collect::<Vec<_>>().join("\"")
}

#[tokio::test]
async fn the_commands_in_the_readme_print_the_shown_output() {
    let site = Site::start().await;
    let readme = include_str!("../../../../README.md");
    let steps = steps(readme);
    assert!(steps.len() > 5 && steps.iter().any(|step| !step.shown.is_empty()));
    let blocks = steps
        .iter()
        .map(|step| format!("{}\necho '\n{END}'\n", step.run));
    let script = format!("set -eu\n{}", blocks.collect::<String>());
    let script = script.replace("http://127.0.0.1:8080", site.app().base_url());
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{printed}\n{errors}");
    let printed = without_ids(&printed);
    for (step, printed) in steps.iter().zip(printed.split(END)) {
        for line in &step.shown {
            let line = without_ids(line);
            assert!(printed.contains(&line), "{}\n{line}\n{printed}", step.run);
        }
    }
}
