//! A NATS server for one test.

use std::{fs, io, path::Path, sync::Arc};

use devservers::{NatsOptions, NatsServer};
use tempfile::TempDir;

use crate::blocking;

/// A NATS server with JetStream that belongs to one test; it starts in some 50 ms and ends with
/// the last clone of the value.
#[derive(Debug, Clone)]
pub struct Nats {
    server: Arc<NatsServer>,
}

/// Where in its folder the server keeps streams.
const STORE: &str = "jetstream";

/// What was on the disk of a server at a moment; gone with the last clone.
#[derive(Debug, Clone)]
pub struct DiskCopy(Arc<TempDir>);

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Flips a bit at the first place of a text in the blocks of a stream.
fn flip_a_bit(folder: &Path, stream: &str, text: &[u8]) -> anyhow::Result<()> {
    let of_the_stream = Path::new("streams").join(stream).join("msgs");
    let mut blocks = Vec::new();
    for account in fs::read_dir(folder)? {
        let messages = account?.path().join(&of_the_stream);
        if messages.is_dir() {
            for file in fs::read_dir(messages)? {
                blocks.push(file?.path());
            }
        }
    }
    blocks.retain(|file| file.extension().is_some_and(|end| end == "blk"));
    for block in blocks {
        let mut bytes = fs::read(&block)?;
        let place = bytes.windows(text.len()).position(|found| found == text);
        if let Some(place) = place {
            bytes[place] ^= 1;
            fs::write(block, bytes)?;
            return Ok(());
        }
    }
    anyhow::bail!(
        "no message of {stream} has {:?} in it",
        String::from_utf8_lossy(text)
    )
}

impl Nats {
    /// Starts one with the server's default settings.
    pub async fn start() -> Self {
        Self::start_with(NatsOptions::default()).await
    }

    /// Starts one as told.
    pub async fn start_with(options: NatsOptions) -> Self {
        let server = blocking::run("start NATS", move || NatsServer::start(&options)).await;
        Self {
            server: Arc::new(server),
        }
    }

    /// `nats://127.0.0.1:PORT`, the same after a restart.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Kills it (`SIGKILL`); returns when it is gone. That is no power cut: what the server wrote is
    /// with the system, which brings it to the disk all the same. See [`Nats::lose_tail`].
    pub async fn kill9(&self) {
        let server = self.server.clone();
        blocking::run("kill NATS", move || server.kill9()).await;
    }

    /// Starts it again on the same port and data (after an orderly end, if it runs); returns when
    /// it takes connections.
    pub async fn restart(&self) {
        let server = self.server.clone();
        blocking::run("restart NATS", move || server.restart()).await;
    }

    /// Copies what is on its disk at this moment, for [`Nats::lose_tail`]. For that it is ended in an
    /// orderly way and started again: all that it has acknowledged is in the copy.
    pub async fn copy_disk(&self) -> DiskCopy {
        let server = self.server.clone();
        blocking::run("copy the disk of NATS", move || {
            let copy = TempDir::with_prefix("nats-disk-")?;
            server.terminate()?;
            copy_folder(&server.data_dir().join(STORE), copy.path())?;
            server.restart()?;
            Ok::<_, anyhow::Error>(DiskCopy(Arc::new(copy)))
        })
        .await
    }

    /// What a power cut does under living processes, if acknowledgments don't wait for the disk:
    /// kills it and lets it come back, on the same port, with nothing that was stored since the
    /// copy was taken. Returns when it takes connections.
    pub async fn lose_tail(&self, at: &DiskCopy) {
        let (server, copy) = (self.server.clone(), at.clone());
        blocking::run("lose the tail of NATS", move || {
            let store = server.data_dir().join(STORE);
            server.kill9()?;
            fs::remove_dir_all(&store)?;
            copy_folder(copy.0.path(), &store)?;
            server.restart()?;
            Ok::<_, anyhow::Error>(())
        })
        .await;
    }

    /// As [`Nats::lose_tail`], but of one stream: each has files of its own, and what of them was on
    /// the disk differs. Returns when it takes connections.
    pub async fn lose_tail_of(&self, stream: &str, at: &DiskCopy) {
        let (server, copy, stream) = (self.server.clone(), at.clone(), stream.to_owned());
        blocking::run("lose the tail of a stream", move || {
            let store = server.data_dir().join(STORE);
            server.kill9()?;
            let mut found = false;
            for account in fs::read_dir(copy.0.path())? {
                let folder = Path::new(&account?.file_name())
                    .join("streams")
                    .join(&stream);
                let there = copy.0.path().join(&folder);
                if there.is_dir() {
                    fs::remove_dir_all(store.join(&folder))?;
                    copy_folder(&there, &store.join(&folder))?;
                    found = true;
                }
            }
            anyhow::ensure!(found, "no stream {stream} was on the disk");
            server.restart()
        })
        .await;
    }

    /// What a disk does that loses a bit: damages the message of a stream that has this text in it,
    /// under living processes. The server is ended in an orderly way, so it still counts the
    /// message when it comes back; whoever reads it finds a hole. Returns when it takes connections.
    pub async fn damage(&self, stream: &str, text: &str) {
        let (server, stream, text) = (self.server.clone(), stream.to_owned(), text.to_owned());
        blocking::run("damage a message", move || {
            server.terminate()?;
            flip_a_bit(&server.data_dir().join(STORE), &stream, text.as_bytes())?;
            server.restart()
        })
        .await;
    }

    /// Freezes it: connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.server().pause().unwrap_or_else(|e| panic!("{e:#}"));
    }

    /// Lets it go on after [`Nats::pause`].
    pub fn resume(&self) {
        self.server().resume().unwrap_or_else(|e| panic!("{e:#}"));
    }

    /// The process behind it.
    pub fn server(&self) -> &NatsServer {
        &self.server
    }
}
