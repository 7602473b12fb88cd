//! The part of the WebDriver protocol that these tests need: it is JSON over HTTP, and the tests
//! have a client for that. A library would add a second one.

use serde_json::{Value, json};

/// A session with a browser.
pub struct WebDriver {
    http: reqwest::Client,
    /// The session's: `http://127.0.0.1:PORT/session/ID`.
    url: String,
}

/// The protocol's name for elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of the page.
#[derive(Clone, Debug)]
pub struct Element(pub Value);

impl WebDriver {
    /// Requests a browser from the driver at `url`.
    pub async fn connect(http: reqwest::Client, url: &str, capabilities: Value) -> Self {
        let mut driver = Self {
            http,
            url: url.to_owned(),
        };
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let answer = driver.post("/session", wanted).await.unwrap();
        driver.url = format!("{url}/session/{}", answer["sessionId"].as_str().unwrap());
        driver
    }

    /// The address of the session.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a command; an error of the protocol is its name and message.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        let request = self.http.post(format!("{}{path}", self.url)).json(&body);
        Self::answer(request).await
    }

    /// Reads something; an error of the protocol is its name and message.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        Self::answer(self.http.get(format!("{}{path}", self.url))).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &str) -> Result<Value, String> {
        Self::answer(self.http.delete(format!("{}{path}", self.url))).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> Result<Value, String> {
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let is_good = answer.status().is_success();
        let body: Value = answer.json().await.map_err(|error| error.to_string())?;
        let value = body["value"].clone();
        if is_good {
            Ok(value)
        } else {
            Err(format!("{}: {}", value["error"], value["message"]))
        }
    }

    /// Runs a script in the page; returns its result.
    pub async fn script(&self, script: &str, args: Value) -> Result<Value, String> {
        self.post("/execute/sync", json!({"script": script, "args": args}))
            .await
    }

    /// Finds the one element in a script's result.
    pub async fn find(&self, script: &str, args: Value) -> Result<Option<Element>, String> {
        let found = self.script(script, args).await?;
        Ok(found.get(ELEMENT).is_some().then_some(Element(found)))
    }

    /// Clicks in the middle of an element, like a mouse: if something covers it, that is clicked
    /// instead, which is an error.
    pub async fn click(&self, element: &Element) -> Result<(), String> {
        let id = element.0[ELEMENT].as_str().unwrap();
        self.post(&format!("/element/{id}/click"), json!({}))
            .await?;
        Ok(())
    }

    /// Presses keys, at the current focus.
    pub async fn keys(&self, keys: &str) -> Result<(), String> {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
            })
            .collect();
        let keyboard = json!([{"type": "key", "id": "keyboard", "actions": actions}]);
        self.post("/actions", json!({"actions": keyboard})).await?;
        Ok(())
    }

    /// A command of Chromium's own protocol.
    pub async fn chromium(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", body).await.unwrap()
    }
}
