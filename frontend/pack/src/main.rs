//! Packs the web app: makes from what the compiler wrote what a browser loads.
//!
//! The compiler's WebAssembly gets its JavaScript side, both are made small, every file gets a
//! name that tells its content, and compressed copies for servers that don't compress themselves.
//! It depends on wasm-bindgen's library, which shares its version with the app's own dependency
//! by way of one lock file: the two must agree to the letter.

mod assets;
mod compress;
mod page;
mod prune;
mod sizes;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use assets::Assets;
use sizes::Sizes;
use tools::Tools;

const USAGE: &str = "usage: pack <app.wasm> <frontend folder> <node_modules of the tools>…";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(wasm), Some(frontend)) = (arguments.next(), arguments.next()) else {
        bail!(USAGE);
    };
    let tools = Tools::new(arguments.collect());
    let dist = frontend.join("dist");
    let stamp_file = frontend.join("target/packed");
    let sources = ["public", "index.html", "boot.js"].map(|name| frontend.join(name));
    let [public, html, boot] = &sources;
    let stamp = assets::stamp(&[&wasm, public, html, boot, &env::current_exe()?])?;
    if dist.join("index.html").is_file()
        && fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp)
    {
        println!("the web app is packed already: {}", dist.display());
        return Ok(());
    }

    let work = frontend.join("target/pack");
    fresh(&work)?;
    let next = frontend.join("target/dist");
    fresh(&next)?;
    bind(&wasm, &work)?;
    let small = tools.shrink(&work.join("app_bg.wasm"))?;
    fs::copy(frontend.join("boot.js"), work.join("boot.js"))?;
    let (script, style) = (work.join("bundled.js"), work.join("bundled.css"));
    tools.bundle(&work.join("boot.js"), &script)?;
    tools.bundle(&frontend.join("public/styles/main.css"), &style)?;

    let assets = Assets::in_folder(&next)?;
    let names = page::Names {
        wasm: assets.add("app.wasm", &fs::read(small)?)?,
        script: assets.add("app.js", &fs::read(script)?)?,
        style: assets.add("app.css", &fs::read(style)?)?,
    };
    let html = fs::read_to_string(frontend.join("index.html")).context("no index.html")?;
    fs::write(next.join("index.html"), page::finish(&html, &names)?)?;
    assets::ship(public, &next)?;
    compress::all(&next)?;
    let sizes = Sizes::of(&next)?;
    println!("{sizes}");
    sizes.check()?;

    // What was there is served until here; then it is another, at once.
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    fs::rename(&next, &dist)?;
    fs::write(stamp_file, stamp)?;
    Ok(())
}

/// Writes the JavaScript side of the compiler's WebAssembly, and the WebAssembly that goes with
/// it.
fn bind(wasm: &Path, folder: &Path) -> Result<()> {
    let mut bound = Bindgen::new()
        .input_path(wasm)
        .out_name("app")
        .web(true)?
        // Names of functions stay as the compiler writes them, and `prune` knows them; none is
        // in the output.
        .demangle(false)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .context("wasm-bindgen failed")?;
    let pruned = prune::prune(bound.wasm_mut());
    println!("functions that can't run, left out: {pruned}");
    bound
        .emit(folder)
        .context("wasm-bindgen can't write its output")
}

fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))
}
