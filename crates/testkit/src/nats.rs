//! A NATS server for one test.

use std::{fs, io, path::Path, sync::Arc};

use devservers::{NatsOptions, NatsServer};
use tempfile::TempDir;

use crate::blocking;

/// A NATS server with JetStream for one test; it starts in some 50 ms and ends with the last clone
/// of the value.
#[derive(Debug, Clone)]
pub struct Nats {
    server: Arc<NatsServer>,
}

/// The streams' folder in the server's.
const STORE: &str = "jetstream";

/// The contents of a server's disk at a moment; removed with the last clone.
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

/// Flips a bit at the first occurrence of a text in the blocks of a stream.
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
    /// Starts a server with default settings.
    pub async fn start() -> Self {
        Self::start_with(NatsOptions::default()).await
    }

    /// Starts a server with these options.
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

    /// Kills it (`SIGKILL`); returns when it is gone. That is no power cut: the system still has
    /// the server's writes, and flushes them to the disk. See [`Nats::lose_tail`].
    pub async fn kill9(&self) {
        let server = self.server.clone();
        blocking::run("kill NATS", move || server.kill9()).await;
    }

    /// Restarts it on the same port and data (after a clean end, if it is running); returns when it
    /// accepts connections.
    pub async fn restart(&self) {
        let server = self.server.clone();
        blocking::run("restart NATS", move || server.restart()).await;
    }

    /// Copies the contents of its disk, for [`Nats::lose_tail`]. Restarts it cleanly for that:
    /// everything that it has acknowledged is in the copy.
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

    /// Simulates a power cut during which processes keep running, if acknowledgments don't wait for
    /// the disk: kills the server and restarts it, on the same port, without anything that was
    /// stored since the copy was taken. Returns when it accepts connections.
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

    /// Like [`Nats::lose_tail`], for one stream: each has its own files, and they may differ in how
    /// much of them was on the disk. Returns when it accepts connections.
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

    /// Simulates a disk that loses a bit: damages the message of a stream that contains this text,
    /// while processes keep running. The server is ended cleanly, so it still counts the message
    /// when it comes back; readers find a hole. Returns when it accepts connections.
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

    /// Resumes it after [`Nats::pause`].
    pub fn resume(&self) {
        self.server().resume().unwrap_or_else(|e| panic!("{e:#}"));
    }

    /// The server process.
    pub fn server(&self) -> &NatsServer {
        &self.server
    }
}
