//! `cargo xtask up`: everything on one machine, from one command.

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use devservers::supervise::{Supervisor, Waited};
use devservers::{
    MongoOptions, NatsOptions, ProcessSpec, ServerPlan, free_port, port_is_free, tools,
};

use crate::build_web;
use crate::cargo::{self, Ended};
use crate::data_lock::DataLock;
use crate::probe;
use crate::progress::ProgressLog;

/// Time limit for each child to end: the program completes accepted requests, the servers flush
/// their data.
const PROGRAM_GRACE: Duration = Duration::from_secs(40);
const SERVER_GRACE: Duration = Duration::from_secs(30);
const SERVER_READY: Duration = Duration::from_mins(2);
/// Interval of messages during a wait.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub struct Options {
    /// The port of 127.0.0.1 to serve on.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The folder for the data and the logs.
    #[arg(long, default_value = ".data")]
    data_dir: PathBuf,
    /// Serve the API alone, without building the web app.
    #[arg(long)]
    no_web: bool,
    /// Let NATS acknowledge only what is on the disk: slower, but survives a power cut.
    #[arg(long)]
    sync_always: bool,
    /// Run this program instead of building one.
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Start only NATS and MongoDB, to run the tool on a log that no service uses.
    #[arg(long, conflicts_with_all = ["port", "no_web", "program"])]
    servers_only: bool,
}

/// Runs until the stop flag is set. Payments go through the sandbox unless PAYMENTS is set.
/// NATS_URL and MONGODB_URI, if set, name servers that are already running.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<ExitCode> {
    let progress = ProgressLog::new();
    let _lock = DataLock::take(&options.data_dir)?;
    let data_dir = options.data_dir.canonicalize()?;
    if options.servers_only {
        progress.say("looking for the servers");
        return serve_nothing(&plan_servers(options, &data_dir)?, progress, stop);
    }
    check_port(options.port)?;

    progress.say("looking for the servers");
    let servers = plan_servers(options, &data_dir)?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => match build(options.no_web, progress, stop)? {
            Some(program) => program,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    // The build took its time.
    check_port(options.port)?;

    let mut supervisor = Supervisor::new(stop.clone(), move |line| progress.say(line));
    let mut launch = ProcessSpec::new(program, data_dir.join("turnstile.log"))
        .arg("serve")
        .env("HOST", "127.0.0.1")
        .env("PORT", options.port.to_string())
        .env("DATA_DIR", &data_dir);
    if !is_set("PAYMENTS") {
        launch = launch.env("PAYMENTS", "sandbox");
    }
    for (variable, plan) in &servers {
        if start_server(&mut supervisor, plan, progress)? == Waited::Stopped {
            return Ok(finish(&mut supervisor, progress));
        }
        launch = launch.env(variable, plan.url());
    }
    let log = launch.log().display().to_string();
    progress.say(&format!("starting turnstile (its log: {log})"));
    supervisor.start("turnstile", launch, PROGRAM_GRACE)?;
    if wait_until_ready(&mut supervisor, options.port, progress) {
        tell(&format!("ready http://127.0.0.1:{}", options.port));
        progress.say("Ctrl-C ends it");
        supervisor.run();
    }
    Ok(finish(&mut supervisor, progress))
}

/// Starts the missing servers, and prints their addresses.
fn serve_nothing(
    servers: &[(&'static str, ServerPlan)],
    progress: ProgressLog,
    stop: &Arc<AtomicBool>,
) -> Result<ExitCode> {
    if servers.is_empty() {
        bail!("NATS_URL and MONGODB_URI name servers already: there is nothing to start");
    }
    let mut supervisor = Supervisor::new(stop.clone(), move |line| progress.say(line));
    let mut told = String::from("export");
    for (variable, plan) in servers {
        if start_server(&mut supervisor, plan, progress)? == Waited::Stopped {
            return Ok(finish(&mut supervisor, progress));
        }
        // Writing to a string can't fail.
        let _ = write!(told, " {variable}='{}'", plan.url());
    }
    progress.say("in another terminal:");
    tell(&told);
    progress.say("Ctrl-C ends it");
    supervisor.run();
    Ok(finish(&mut supervisor, progress))
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.to_string_lossy().trim().is_empty())
}

/// A reader of this line in a pipe gets it now, and may close the pipe afterwards.
fn tell(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn check_port(port: u16) -> Result<()> {
    if !port_is_free(port) {
        bail!("port {port} of 127.0.0.1 is busy: choose another with --port");
    }
    Ok(())
}

/// The servers to start, each with the variable for its address.
fn plan_servers(options: &Options, data_dir: &Path) -> Result<Vec<(&'static str, ServerPlan)>> {
    let mut servers = Vec::new();
    if env::var_os("NATS_URL").is_none() {
        let nats = NatsOptions {
            sync_always: options.sync_always,
            ..NatsOptions::default()
        };
        let plan = nats.plan(free_port()?, &data_dir.join("nats"))?;
        servers.push(("NATS_URL", plan));
    }
    if env::var_os("MONGODB_URI").is_none() {
        let plan = MongoOptions::default().plan(free_port()?, &data_dir.join("mongodb"))?;
        servers.push(("MONGODB_URI", plan));
    }
    Ok(servers)
}

/// The path of the program, built with the profile `up`; `None` when it was stopped.
///
/// The web app is compiled at the same time: it has steps that keep one processor busy, and the
/// program of this profile reads the app's files when it runs instead of embedding them.
fn build(no_web: bool, progress: ProgressLog, stop: &AtomicBool) -> Result<Option<PathBuf>> {
    // What fails ends the other as Ctrl-C would, so that its own output is the last.
    let or_stop = |built: Result<Option<PathBuf>>| {
        if built.is_err() {
            stop.store(true, Ordering::SeqCst);
        }
        built
    };
    thread::scope(|scope| {
        let web = (!no_web).then(|| scope.spawn(|| or_stop(build_web::build(progress, stop))));
        let program = or_stop(build_program(progress, stop));
        let web = web.map(|web| web.join().unwrap_or_else(|panic| resume_unwind(panic)));
        let web_is_there = web.transpose()?.is_none_or(|folder| folder.is_some());
        Ok(program?.filter(|_| web_is_there))
    })
}

fn build_program(progress: ProgressLog, stop: &AtomicBool) -> Result<Option<PathBuf>> {
    progress.say("cargo build --profile up --package turnstile (minutes the first time)");
    let mut command = cargo::cargo();
    command.args(["build", "--profile", "up", "--package", "turnstile"]);
    match cargo::run(&mut command, stop)? {
        Ended::Stopped => Ok(None),
        Ended::With(status) if status.success() => {
            let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
            let program = tools::workspace().join(target).join("up").join("turnstile");
            progress.say("the program is built");
            Ok(Some(program))
        }
        Ended::With(_) => bail!("cargo build failed: what it said stands above"),
    }
}

fn start_server(
    supervisor: &mut Supervisor,
    plan: &ServerPlan,
    progress: ProgressLog,
) -> Result<Waited> {
    let (name, log) = (plan.name(), plan.launch().log());
    let position = plan.log_position();
    let mut waiting = progress.wait_for(&format!("starting {name}"));
    supervisor.start(name, plan.launch().clone(), SERVER_GRACE)?;
    let waited = supervisor.wait_for(SERVER_READY, || {
        waiting.go_on();
        plan.is_ready(position)
    });
    match waited {
        Waited::TimedOut => bail!("{name} doesn't get ready: see {}", log.display()),
        Waited::Stopped => {}
        Waited::Done => {
            let url = plan.url();
            progress.say(&format!("{name} runs: {url} (its log: {})", log.display()));
        }
    }
    Ok(waited)
}

/// Returns whether it became ready before the stop flag was set. There is no time limit: reading a
/// long log takes its time, and the user sees what is being waited for.
fn wait_until_ready(supervisor: &mut Supervisor, port: u16, progress: ProgressLog) -> bool {
    loop {
        let mut last = String::new();
        let is_ready = || match probe::get(port, "/readyz") {
            Ok(answer) if answer.status == 200 => true,
            Ok(answer) => {
                last = format!("/readyz answers {} {}", answer.status, answer.body);
                false
            }
            Err(error) => {
                last = format!("/readyz doesn't answer ({error:#})");
                false
            }
        };
        match supervisor.wait_for(MESSAGE_INTERVAL, is_ready) {
            Waited::Done => return true,
            Waited::Stopped => return false,
            Waited::TimedOut => progress.say(&format!("not ready yet: {last}")),
        }
    }
}

fn finish(supervisor: &mut Supervisor, progress: ProgressLog) -> ExitCode {
    progress.say("ending everything");
    supervisor.stop_all();
    progress.say("ended");
    ExitCode::SUCCESS
}
