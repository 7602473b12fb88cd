//! Rebuilds the program when the web app's folder changes, which cargo would not notice.

use std::{fs, path::Path};

fn main() {
    let dist = Path::new("../../frontend/dist");
    // A folder that isn't there would count as changed each time. An empty one holds no web app.
    if let Err(error) = fs::create_dir_all(dist) {
        println!(
            "cargo::warning=the web app is left out: {}: {error}",
            dist.display()
        );
    }
    println!("cargo::rerun-if-changed={}", dist.display());
}
