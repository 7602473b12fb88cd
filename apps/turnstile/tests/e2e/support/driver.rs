//! ChromeDriver as a child process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use devservers::{ChildProcess, ProcessSpec, free_port, tools};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{LONG, eventually};

use super::webdriver::WebDriver;

/// A driver with one browser, which ends with the value.
pub struct Driver {
    pub web: WebDriver,
    port: u16,
    _process: ChildProcess,
    _folder: TempDir,
}

impl Driver {
    /// Starts a browser without a window, with its own profile.
    pub async fn start() -> Self {
        tokio::task::spawn_blocking(|| {
            tools::debian_packages(&["chromium", "chromium-driver", "fonts-dejavu-core"]).unwrap();
        })
        .await
        .unwrap();
        let folder = TempDir::with_prefix("e2e-").unwrap();
        let port = free_port().unwrap();
        let driver = tools::find_in_path("chromedriver").unwrap();
        let launch = ProcessSpec::new(driver, folder.path().join("driver.log"))
            .arg(format!("--port={port}"))
            // The browser puts its sockets and caches there, too.
            .env("TMPDIR", folder.path())
            .env("HOME", folder.path());
        let process = ChildProcess::new(launch);
        process.start().unwrap();

        let http = reqwest::Client::new();
        let url = format!("http://127.0.0.1:{port}");
        eventually("the driver is ready", LONG, || async {
            let status = http.get(format!("{url}/status")).send().await.ok()?;
            let status: Value = status.json().await.ok()?;
            (status["value"]["ready"] == true).then_some(())
        })
        .await;
        let profile = folder.path().join("profile");
        let web = WebDriver::connect(http, &url, capabilities(&profile.to_string_lossy())).await;
        Self {
            web,
            port,
            _process: process,
            _folder: folder,
        }
    }
}

fn capabilities(profile: &str) -> Value {
    let profile = format!("--user-data-dir={profile}");
    json!({
        "browserName": "chrome",
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--lang=en-US",
            "--window-size=1280,900", profile,
        ]},
    })
}

/// The browser isn't a child of this process: the driver ends it, on request. A failing test has no
/// runtime for that, so it is done by hand.
impl Drop for Driver {
    fn drop(&mut self) {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let session = self
            .web
            .url()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let end = || -> std::io::Result<()> {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            write!(
                stream,
                "DELETE /session/{session} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )?;
            // It answers when the browser is gone.
            stream.read_exact(&mut [0])?;
            Ok(())
        };
        if let Err(error) = end() {
            eprintln!("the browser may still run: {error}");
        }
    }
}
