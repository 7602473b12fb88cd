//! A browser that waits for what a visitor would wait for.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use testkit::{Client, LONG, eventually};

use super::driver::Driver;
use super::page;
use super::webdriver::Element;

/// The system's color theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    /// Its name in CSS.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A browser at one marketplace.
pub struct Browser {
    driver: Driver,
    site: String,
}

impl Browser {
    /// A browser with an empty page.
    pub async fn start(site: &str) -> Self {
        Self {
            driver: Driver::start().await,
            site: site.to_owned(),
        }
    }

    /// Opens an address of the site.
    pub async fn open(&self, path: &str) {
        let url = format!("{}{path}", self.site);
        self.driver
            .web
            .post("/url", json!({"url": url}))
            .await
            .unwrap();
    }

    /// Takes over a client's session, as if the visitor had signed in here. The site must be open.
    pub async fn take_session(&self, client: &Client) {
        let cookie = json!({"cookie": {
            "name": "session",
            "value": client.session().unwrap(),
            "path": "/",
            "httpOnly": true,
            "sameSite": "Lax",
        }});
        self.driver.web.post("/cookie", cookie).await.unwrap();
    }

    /// Ends the session without informing the page.
    pub async fn lose_session(&self) {
        self.driver.web.delete("/cookie/session").await.unwrap();
    }

    /// Opens another tab and switches to it; returns the name of this one, for [`Self::go_to_tab`].
    pub async fn open_tab(&self) -> Value {
        let here = self.driver.web.get("/window").await.unwrap();
        let tab = self.driver.web.post("/window/new", json!({"type": "tab"}));
        let tab = tab.await.unwrap();
        self.go_to_tab(&tab["handle"]).await;
        here
    }

    /// Switches to a tab.
    pub async fn go_to_tab(&self, tab: &Value) {
        let handle = json!({"handle": tab});
        self.driver.web.post("/window", handle).await.unwrap();
    }

    /// Sets the browser's language, from the next page on.
    pub async fn set_locale(&self, locale: &str) {
        let locale = json!({"locale": locale});
        self.driver
            .web
            .chromium("Emulation.setLocaleOverride", locale)
            .await;
    }

    /// The current address, without the site's origin.
    pub async fn path(&self) -> String {
        let path = self
            .script("return location.pathname + location.search", json!([]))
            .await;
        path.as_str().unwrap().to_owned()
    }

    /// Waits until the address satisfies the condition.
    pub async fn see_path(&self, fits: impl Fn(&str) -> bool) -> String {
        eventually("the address changes", LONG, || async {
            let path = self.path().await;
            if fits(&path) { Ok(path) } else { Err(path) }
        })
        .await
    }

    /// Waits until this text is on the page, visible or (for a screen reader) spoken.
    pub async fn see(&self, text: &str) {
        eventually(&format!("the page says {text:?}"), LONG, || async {
            let shown = self.text().await;
            if shown.contains(text) {
                Ok(())
            } else {
                Err(shown)
            }
        })
        .await;
    }

    /// Waits until this text is no longer on the page.
    pub async fn see_gone(&self, text: &str) {
        eventually(
            &format!("the page no longer says {text:?}"),
            LONG,
            || async {
                let shown = self.text().await;
                if shown.contains(text) {
                    Err(shown)
                } else {
                    Ok(())
                }
            },
        )
        .await;
    }

    /// All text of the page.
    pub async fn text(&self) -> String {
        let text = self.script(page::TEXT, json!([])).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Presses the button or follows the link with this name.
    pub async fn press(&self, name: &str) {
        eventually(&format!("{name:?} is pressed"), LONG, || async {
            let element = self.find(page::BY_NAME, name).await?;
            let pressed = self.driver.web.click(&element).await;
            if pressed.is_err() {
                // It may be under a bar, from where a visitor scrolls it out.
                let script = "arguments[0].scrollIntoView({ block: 'center' })";
                self.script(script, json!([element.0])).await;
            }
            pressed
        })
        .await;
    }

    /// Presses it twice, as fast as a mouse can.
    pub async fn double_press(&self, name: &str) {
        let element = self.wait_for(page::BY_NAME, name).await;
        self.script(
            "arguments[0].click(); arguments[0].click()",
            json!([element.0]),
        )
        .await;
    }

    /// Types into the input with this label, replacing its text.
    pub async fn fill(&self, label: &str, text: &str) {
        let input = self.wait_for(page::BY_LABEL, label).await;
        self.driver.web.click(&input).await.unwrap();
        self.script("arguments[0].select?.()", json!([input.0]))
            .await;
        // Backspace, for an empty text.
        self.keys(&format!("\u{e003}{text}")).await;
    }

    /// Chooses an option of the select with this label.
    pub async fn choose(&self, label: &str, option: &str) {
        let select = self.wait_for(page::BY_LABEL, label).await;
        self.script(page::CHOOSE, json!([select.0, option])).await;
    }

    /// The text in the input with this label.
    pub async fn value(&self, label: &str) -> String {
        let input = self.wait_for(page::BY_LABEL, label).await;
        let value = self
            .script("return arguments[0].value", json!([input.0]))
            .await;
        value.as_str().unwrap().to_owned()
    }

    /// Presses keys, at the current focus.
    pub async fn keys(&self, keys: &str) {
        self.driver.web.keys(keys).await.unwrap();
    }

    /// Waits until nothing moves: half-faded text has half the contrast.
    pub async fn see_still(&self) {
        let still = "return document.getAnimations().every(one => one.playState !== 'running')";
        eventually("nothing moves", LONG, || async {
            self.script(still, json!([])).await == true
        })
        .await;
    }

    /// The name of the focused control.
    pub async fn focused(&self) -> String {
        let name = self.script(page::FOCUSED, json!([])).await;
        name.as_str().unwrap_or_default().to_owned()
    }

    /// Goes back or forward in the history.
    pub async fn go(&self, direction: &str) {
        self.driver
            .web
            .post(&format!("/{direction}"), json!({}))
            .await
            .unwrap();
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.driver.web.post("/refresh", json!({})).await.unwrap();
    }

    /// Presses with the mouse at this point of the visible page.
    pub async fn press_at(&self, x: f64, y: f64) {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let mouse = json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": 1});
            self.driver
                .web
                .chromium("Input.dispatchMouseEvent", mouse)
                .await;
        }
    }

    /// Freezes the page like a system that sleeps, or resumes it.
    pub async fn set_asleep(&self, asleep: bool) {
        let state = json!({"state": if asleep { "frozen" } else { "active" }});
        self.driver
            .web
            .chromium("Page.setWebLifecycleState", state)
            .await;
    }

    /// Cuts the network, or restores it.
    pub async fn set_offline(&self, offline: bool) {
        let conditions = json!({
            "offline": offline,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        });
        self.driver.web.chromium("Network.enable", json!({})).await;
        self.driver
            .web
            .chromium("Network.emulateNetworkConditions", conditions)
            .await;
    }

    /// Sets the system's color theme.
    pub async fn set_theme(&self, theme: Theme) {
        let feature =
            json!({"features": [{"name": "prefers-color-scheme", "value": theme.name()}]});
        self.driver
            .web
            .chromium("Emulation.setEmulatedMedia", feature)
            .await;
    }

    /// Shows the page as it is printed, with a dark system theme.
    pub async fn set_printed(&self) {
        let feature = json!({
            "media": "print",
            "features": [{"name": "prefers-color-scheme", "value": "dark"}],
        });
        self.driver
            .web
            .chromium("Emulation.setEmulatedMedia", feature)
            .await;
    }

    /// Sets the system to reduced motion.
    pub async fn want_no_movement(&self) {
        let feature = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
        self.driver
            .web
            .chromium("Emulation.setEmulatedMedia", feature)
            .await;
    }

    /// Sets the size of the window, in CSS pixels.
    pub async fn set_width(&self, width: u32) {
        self.set_size(width, if width < 600 { 780 } else { 900 })
            .await;
    }

    /// Sets the size of the window, in CSS pixels; a narrow one is a phone's.
    pub async fn set_size(&self, width: u32, height: u32) {
        let size = json!({
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": width < 600,
        });
        self.driver
            .web
            .chromium("Emulation.setDeviceMetricsOverride", size)
            .await;
    }

    /// Sets the size of plain text in the browser's settings, in CSS pixels: 16 by default, more
    /// for users who need larger letters.
    pub async fn set_text_size(&self, pixels: u32) {
        let sizes = json!({"fontSizes": {"standard": pixels, "fixed": pixels}});
        self.driver.web.chromium("Page.setFontSizes", sizes).await;
    }

    /// A picture of the visible page, as WebP.
    pub async fn picture(&self) -> Vec<u8> {
        let hidden = json!({"hidden": true});
        self.driver
            .web
            .chromium("Emulation.setScrollbarsHidden", hidden)
            .await;
        let format = json!({"format": "webp", "quality": 55, "captureBeyondViewport": false});
        let picture = self
            .driver
            .web
            .chromium("Page.captureScreenshot", format)
            .await;
        BASE64_STANDARD
            .decode(picture["data"].as_str().unwrap())
            .unwrap()
    }

    /// Has the page run a script before its own, from the next page on.
    pub async fn script_at_start(&self, source: &str) {
        let script = json!({"source": source});
        self.driver
            .web
            .chromium("Page.addScriptToEvaluateOnNewDocument", script)
            .await;
    }

    /// Runs a script in the page; returns its result.
    pub async fn script(&self, script: &str, args: Value) -> Value {
        self.driver.web.script(script, args).await.unwrap()
    }

    /// The errors that the page wrote to the console since the last call.
    pub async fn console_errors(&self) -> Vec<String> {
        let log = self
            .driver
            .web
            .post("/se/log", json!({"type": "browser"}))
            .await
            .unwrap();
        let entries = log.as_array().unwrap().iter();
        entries
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn find(&self, script: &str, name: &str) -> Result<Element, String> {
        let found = self.driver.web.find(script, json!([name])).await?;
        match found {
            Some(element) => Ok(element),
            None => Err(format!("nothing of this name in: {}", self.text().await)),
        }
    }

    async fn wait_for(&self, script: &str, name: &str) -> Element {
        eventually(&format!("there is {name:?}"), LONG, || {
            self.find(script, name)
        })
        .await
    }
}
