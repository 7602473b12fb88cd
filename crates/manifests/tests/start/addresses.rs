//! Names, addresses and paths of a cluster on this machine.
//!
//! Each pod has its own address in 127.0.0.0/8, so all of them can listen on the ports in the
//! manifests. The mounts of a pod are subfolders of a temporary one.

use devservers::tools;
use manifests::Manifests;
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
};

/// Addresses for pods, and the names of some of them.
pub struct Network {
    prefix: [u8; 3],
    last: AtomicU8,
    names: BTreeMap<String, Ipv4Addr>,
}

impl Network {
    /// Pods of a StatefulSet keep their address, since others reach them by name.
    pub fn of(manifests: &Manifests) -> Self {
        // At random: other tests have clusters, too.
        let prefix = [127, rand::random_range(1..250), rand::random_range(1..250)];
        let mut network = Self {
            prefix,
            last: AtomicU8::new(1),
            names: BTreeMap::new(),
        };
        for set in manifests.of_kind("StatefulSet") {
            let replicas = set.value["spec"]["replicas"].as_u64().unwrap();
            let service = set.value["spec"]["serviceName"].as_str().unwrap();
            for ordinal in 0..replicas {
                let name = format!("{}-{ordinal}.{service}", set.name);
                let address = network.next();
                network.names.insert(name, address);
            }
        }
        network
    }

    pub fn next(&self) -> Ipv4Addr {
        let [a, b, c] = self.prefix;
        Ipv4Addr::new(a, b, c, self.last.fetch_add(1, Ordering::Relaxed))
    }

    /// The address of a pod: a fixed one if others use its name.
    pub fn address(&self, pod: &str) -> Ipv4Addr {
        let known = self.names.iter();
        let mut known = known.filter(|(name, _)| name.split('.').next() == Some(pod));
        known.next().map_or_else(|| self.next(), |(_, ip)| *ip)
    }

    /// A text of a manifest with addresses of this machine: those of others in place of names, and
    /// its own in place of "all addresses".
    pub fn localize(&self, text: &str, own: Ipv4Addr) -> String {
        let mut text = replace(text, &[("0.0.0.0".to_owned(), own.to_string())]);
        for (name, address) in &self.names {
            text = text.replace(&format!("{name}:"), &format!("{address}:"));
        }
        text
    }
}

/// Replaces words in a text, wherever one is a whole word or begins a path. In one pass: a
/// replacement may contain another word. Of words that match, the first counts.
pub fn replace(text: &str, words: &[(String, String)]) -> String {
    let in_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let mut replaced = String::new();
    let mut rest = text;
    let mut begins = true;
    while let Some(next) = rest.chars().next() {
        let fits = |(word, _): &&(String, String)| {
            let after = rest.strip_prefix(word.as_str());
            after.is_some_and(|after| !after.starts_with(|c: char| c != '/' && in_path(c)))
        };
        if begins && let Some((word, with)) = words.iter().find(fits) {
            replaced.push_str(with);
            rest = &rest[word.len()..];
        } else {
            replaced.push(next);
            rest = &rest[next.len_utf8()..];
        }
        begins = !replaced.ends_with(in_path);
    }
    replaced
}

/// The program in a container's command, on this machine.
pub fn program(command: &str) -> PathBuf {
    match command {
        "nats-server" => tools::nats_server().unwrap(),
        "mongod" => tools::mongod().unwrap(),
        ours => {
            let name = ours.strip_prefix("/usr/local/bin/").unwrap();
            // Tests are in the folder `deps` next to the programs.
            let test = std::env::current_exe().unwrap();
            let path = test.ancestors().nth(2).unwrap().join(name);
            assert!(
                path.exists(),
                "{} is missing: run `cargo build --workspace --bins --tests` first",
                path.display()
            );
            path
        }
    }
}

#[test]
fn only_whole_paths_and_addresses_are_replaced() {
    let word = |word: &str, with: &str| (word.to_owned(), with.to_owned());
    let words = [
        word("/data", "/tmp/y"),
        word("/tmp", "/tmp/z"),
        word("0.0.0.0", "127.1.1.1"),
    ];
    for (text, replaced) in [
        ("store_dir: \"/data\"", "store_dir: \"/tmp/y\""),
        ("dbPath: /data/db", "dbPath: /tmp/y/db"),
        ("--file=/data/key,/tmp", "--file=/tmp/y/key,/tmp/z"),
        (
            "/database /my/data a/data /data-2",
            "/database /my/data a/data /data-2",
        ),
        ("10.0.0.0/8 0.0.0.0:80", "10.0.0.0/8 127.1.1.1:80"),
    ] {
        assert_eq!(replace(text, &words), replaced);
    }
}
