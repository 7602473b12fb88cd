//! `cargo xtask images`: builds the image without pulling anything, and inspects it.
//!
//! The stages of the Dockerfile that compile need images from a registry, so only the final stages
//! are built, on a base that is made on the spot from Debian's packages; the programs are those
//! that cargo built. `docker build` and skaffold build all of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail, ensure};
use devservers::tools;
use nix::unistd::Uid;

use crate::cargo;
use crate::progress::ProgressLog;

/// The beginning of the final stages in the Dockerfile.
const RUNTIME: &str = "FROM ${RUNTIME} AS runtime";
/// The libraries of the programs, and the trusted certificates.
const PACKAGES: [&str; 4] = ["base-files", "libc6", "libgcc-s1", "ca-certificates"];
/// Names under which a base could contain a shell.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "busybox", "zsh"];
const BASE: &str = "localhost/turnstile-base";

#[derive(clap::Args)]
pub struct Options {
    /// Use the programs of the release build; otherwise those of the debug build.
    #[arg(long)]
    release: bool,
    /// Keep the images in buildah's store, as localhost/turnstile/NAME.
    #[arg(long)]
    keep: bool,
}

/// The reason why images can't be built here, if there is one.
pub fn obstacle() -> Option<&'static str> {
    if !Uid::effective().is_root() {
        return Some("it takes root to look into an image");
    }
    let missing = tools::find_in_path("apt-get").is_none();
    missing.then_some("their base is made of Debian's packages, and there is no apt-get")
}

/// Builds and checks every image.
pub fn run(options: &Options, _: &AtomicBool) -> Result<ExitCode> {
    let progress = ProgressLog::new();
    if let Some(obstacle) = obstacle() {
        bail!("images can't be built here: {obstacle}");
    }
    if tools::find_in_path("buildah").is_none() {
        tools::debian_packages(&["buildah"])?;
    }
    let root = tools::workspace();
    let folder = root.join("target/images");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(folder.join("out"))?;
    let dockerfile = fs::read_to_string(root.join("Dockerfile"))?;
    let (_, stages) = dockerfile
        .split_once(RUNTIME)
        .context("the Dockerfile has no runtime stage")?;
    let stages = format!("ARG RUNTIME\n{RUNTIME}{stages}").replace("--from=builder /out/", "/out/");
    fs::write(folder.join("Dockerfile"), &stages)?;
    take_program(&root, &folder, options.release)?;

    progress.say("making a base of Debian's packages");
    make_base(&folder)?;
    for target in targets(&stages) {
        progress.say(&format!("building {target} and looking into it"));
        let size = check(&folder, &stages, target)?;
        progress.say(&format!("{target}: {} MB", size / 1_000_000));
        if !options.keep {
            finish(
                buildah()
                    .arg("rmi")
                    .arg(format!("localhost/turnstile/{target}")),
            )?;
        }
    }
    if !options.keep {
        finish(buildah().args(["rmi", BASE]))?;
    }
    fs::remove_dir_all(&folder)?;
    Ok(ExitCode::SUCCESS)
}

/// The last stages, which are images: `FROM runtime AS tickets`.
fn targets(stages: &str) -> impl Iterator<Item = &str> {
    let lines = stages.lines();
    lines.filter_map(|line| line.strip_prefix("FROM runtime AS "))
}

fn take_program(root: &Path, folder: &Path, release: bool) -> Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let built = root
        .join(target)
        .join(if release { "release" } else { "debug" });
    let program = built.join("turnstile");
    ensure!(
        program.exists(),
        "{} is missing: run `cargo build --workspace --bins --tests` first",
        program.display()
    );
    // A debug build is mostly debug information, which an image doesn't need.
    let to = folder.join("out/turnstile");
    finish(Command::new("strip").arg("-o").arg(to).arg(program))?;
    Ok(())
}

fn buildah() -> Command {
    let mut command = Command::new("buildah");
    // Neither needs a feature of the machine that a container may lack.
    command.args(["--storage-driver", "vfs"]);
    command
}

/// glibc and certificates, and no program.
fn make_base(folder: &Path) -> Result<()> {
    let (packages, base) = (folder.join("packages"), folder.join("base"));
    fs::create_dir_all(&packages)?;
    fs::create_dir_all(&base)?;
    finish(
        Command::new("apt-get")
            .arg("download")
            .args(PACKAGES)
            .current_dir(&packages),
    )?;
    for entry in fs::read_dir(&packages)? {
        finish(
            Command::new("dpkg-deb")
                .arg("-x")
                .arg(entry?.path())
                .arg(&base),
        )?;
    }
    // The package creates this when it is installed.
    let mut authorities = String::new();
    for entry in fs::read_dir(base.join("usr/share/ca-certificates/mozilla"))? {
        authorities.push_str(&fs::read_to_string(entry?.path())?);
    }
    let certificates = base.join("etc/ssl/certs");
    fs::create_dir_all(&certificates)?;
    fs::write(certificates.join("ca-certificates.crt"), authorities)?;
    for programs in ["usr/sbin", "usr/bin", "sbin", "bin"] {
        let programs = base.join(programs);
        if programs.exists() {
            fs::remove_dir_all(programs)?;
        }
    }
    fs::create_dir_all(base.join("tmp"))?;
    fs::write(folder.join("Base"), "FROM scratch\nCOPY base /\n")?;
    finish(
        buildah()
            .args([
                "bud",
                "--isolation",
                "chroot",
                "--file",
                "Base",
                "--tag",
                BASE,
                ".",
            ])
            .current_dir(folder),
    )?;
    Ok(())
}

/// Builds one image, inspects it, and returns its size in bytes.
fn check(folder: &Path, stages: &str, target: &str) -> Result<u64> {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), commit()?);
    let image = format!("localhost/turnstile/{target}");
    finish(
        buildah()
            .args([
                "bud",
                "--isolation",
                "chroot",
                "--target",
                target,
                "--tag",
                &image,
            ])
            .arg(format!("--build-arg=RUNTIME={BASE}"))
            .arg(format!("--build-arg=VERSION={version}"))
            .arg(format!("--build-arg=COMMIT={commit}"))
            .arg(".")
            .current_dir(folder),
    )?;
    let config = |template: &str| {
        finish(buildah().args(["inspect", "--type", "image", "--format", template, &image]))
    };
    let user = config("{{.OCIv1.Config.User}}")?;
    let number = user
        .split(':')
        .next()
        .and_then(|user| user.parse::<u32>().ok());
    ensure!(
        number.is_some_and(|user| user > 0),
        "{target} runs as {user:?}"
    );
    let labels = config("{{.OCIv1.Config.Labels}}")?;
    for (label, value) in [("version", version), ("revision", &commit)] {
        let expected = format!("org.opencontainers.image.{label}:{value}");
        ensure!(
            labels.contains(&expected),
            "{target} has the labels {labels}"
        );
    }

    let container = finish(buildah().args(["from", &image]))?;
    let mounted = PathBuf::from(finish(buildah().args(["mount", &container]))?);
    let looked = look_into(&mounted, stages, target);
    finish(buildah().args(["rm", &container]))?;
    looked
}

/// Checks the files of an image.
fn look_into(mounted: &Path, stages: &str, target: &str) -> Result<u64> {
    let stage = stages
        .split("\nFROM ")
        .find(|stage| stage.starts_with(&format!("runtime AS {target}\n")))
        .context("the stage is gone")?;
    let entry = stage
        .split_once("ENTRYPOINT [\"")
        .and_then(|(_, rest)| rest.split('"').next())
        .context("an image that starts nothing")?;
    // This must be the only program in the image.
    let mut programs = Vec::new();
    for folder in ["bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin"] {
        if let Ok(entries) = fs::read_dir(mounted.join(folder)) {
            for entry in entries {
                programs.push(entry?.file_name().to_string_lossy().into_owned());
            }
        }
    }
    let shell = programs.iter().find(|name| SHELLS.contains(&name.as_str()));
    ensure!(shell.is_none(), "{target} has a shell: {shell:?}");
    ensure!(programs.len() == 1, "{target} holds {programs:?}");
    // With the libraries of the image, as the user that it will run as.
    let said = finish(
        Command::new("chroot")
            .arg("--userspec=65532:65532")
            .arg(mounted)
            .args([entry, "--version"]),
    )?;
    let name = entry.rsplit('/').next().unwrap_or_default();
    let expected = format!("{name} {}", env!("CARGO_PKG_VERSION"));
    ensure!(said.starts_with(&expected), "{target} says {said:?}");
    size(mounted)
}

fn size(path: &Path) -> Result<u64> {
    let metadata = path.symlink_metadata()?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut sum = 0;
    for entry in fs::read_dir(path)? {
        sum += size(&entry?.path())?;
    }
    Ok(sum)
}

fn commit() -> Result<String> {
    finish(cargo::in_workspace("git").args(["rev-parse", "HEAD"]))
}

/// Runs a command to its end and returns what it printed.
fn finish(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.output().with_context(|| name.clone())?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{name} failed: {words}");
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
