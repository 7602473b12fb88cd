//! The optimizer and the bundler, which come as npm packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where the tools are.
pub struct Tools {
    node_modules: Vec<PathBuf>,
}

impl Tools {
    /// In these folders.
    pub fn new(node_modules: Vec<PathBuf>) -> Self {
        Self { node_modules }
    }

    fn find(&self, name: &str) -> Result<PathBuf> {
        let paths = self
            .node_modules
            .iter()
            .map(|folder| folder.join(".bin").join(name));
        let mut there = paths.filter(|path| path.exists());
        there
            .next()
            .with_context(|| format!("{name} isn't in any of the given node_modules"))
    }

    /// Makes WebAssembly small; returns the new file, beside the old.
    pub fn shrink(&self, wasm: &Path) -> Result<PathBuf> {
        let small = wasm.with_extension("small.wasm");
        // The features that browsers have had since 2023; the module itself names no more. All
        // features would rewrite it into what no browser takes yet.
        let features = [
            "bulk-memory",
            "bulk-memory-opt",
            "multivalue",
            "mutable-globals",
            "nontrapping-float-to-int",
            "reference-types",
            "sign-ext",
        ];
        let mut command = Command::new(self.find("wasm-opt")?);
        command.args(["-Oz", "--converge", "--strip-debug", "--strip-producers"]);
        command.args(features.map(|feature| format!("--enable-{feature}")));
        run(command.arg(wasm).arg("-o").arg(&small))?;
        Ok(small)
    }

    /// Puts a script or a style and all it imports into one small file.
    pub fn bundle(&self, entry: &Path, bundled: &Path) -> Result<()> {
        run(Command::new(self.find("esbuild")?)
            .arg(entry)
            .args([
                "--bundle",
                "--minify",
                "--format=esm",
                "--target=es2022,chrome115,firefox115,safari16.4",
            ])
            .args(["--log-level=warning", "--legal-comments=none"])
            .arg(format!("--outfile={}", bundled.display())))
    }
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("can't run {}", program.display()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{} failed: {words}", program.display());
    }
    Ok(())
}
