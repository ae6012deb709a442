//! A tab of the browser: what a person does with it, and what is on its screen.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shard_orm_tests::waiting::eventually;

use crate::chromium::Link;

/// Where pictures of the pages are kept: a folder of cargo's target folder.
pub(crate) fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard")
}

/// A tab.
pub(crate) struct Tab {
    link: Arc<Link>,
    session: String,
}

impl Tab {
    pub(crate) async fn new(link: Arc<Link>, session: String) -> Self {
        let tab = Self { link, session };
        for domain in ["Page", "Runtime", "Log"] {
            tab.call(&format!("{domain}.enable"), json!({})).await;
        }
        let lifecycle = json!({ "enabled": true });
        tab.call("Page.setLifecycleEventsEnabled", lifecycle).await;
        // Only one tab of a window has the focus otherwise.
        tab.call(
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": true }),
        )
        .await;
        tab.resize(1280, 900).await;
        tab.prefer("light").await;
        tab
    }

    /// Sends a command.
    pub(crate) async fn call(&self, method: &str, parameters: Value) -> Value {
        self.link
            .call(Some(&self.session), method, parameters)
            .await
    }

    /// Goes to an address, and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str) {
        let opened = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
        let loader = &opened["loaderId"];
        eventually("a page is loaded", async || {
            self.link.events(&self.session).iter().any(|event| {
                event["method"] == "Page.lifecycleEvent"
                    && event["params"]["name"] == "load"
                    && event["params"]["loaderId"] == *loader
            })
        })
        .await;
    }

    /// The value of an expression, which may be a promise.
    pub(crate) async fn value(&self, script: &str) -> Value {
        let evaluated = self.try_value(script).await;
        evaluated.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Runs a script that may leave the page, such as a click on a link.
    pub(crate) async fn act(&self, script: &str) {
        if let Err(error) = self.try_value(script).await {
            // The script has run: the answer came too late for the page.
            assert_eq!(error["code"], -32000, "{script}: {error}");
        }
    }

    /// As [`value`](Self::value); an error while the page is left, or of the script.
    async fn try_value(&self, script: &str) -> Result<Value, Value> {
        let parameters = json!({
            "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let session = Some(self.session.as_str());
        let evaluated = self
            .link
            .try_call(session, "Runtime.evaluate", parameters)
            .await?;
        if evaluated["exceptionDetails"].is_null() {
            Ok(evaluated["result"]["value"].clone())
        } else {
            Err(evaluated["exceptionDetails"].clone())
        }
    }

    /// Whether an expression is true; false while the page is left.
    pub(crate) async fn is(&self, script: &str) -> bool {
        self.try_value(script)
            .await
            .is_ok_and(|value| value == true)
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, script: &str) {
        eventually(script, async || self.is(script).await).await;
    }

    /// The texts of all elements that a selector names.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let script = format!(
            "[...document.querySelectorAll({})].map((one) => one.textContent.trim())",
            json!(selector)
        );
        serde_json::from_value(self.value(&script).await).unwrap()
    }

    /// Presses a key that has no text.
    pub(crate) async fn press(&self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Gives the tab a size in CSS pixels. Narrow ones are those of telephones.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Prefers `light` or `dark` colours.
    pub(crate) async fn prefer(&self, scheme: &str) {
        // What is scrolled to is there at once.
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        let media = json!({ "features": features });
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// Keeps a picture of the whole page.
    pub(crate) async fn picture(&self, name: &str) {
        let options = json!({ "format": "png", "captureBeyondViewport": true });
        self.capture(name, options).await;
    }

    async fn capture(&self, name: &str, options: Value) {
        let picture = self.call("Page.captureScreenshot", options).await;
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(pictures()).unwrap();
        std::fs::write(pictures().join(format!("{name}.png")), bytes).unwrap();
    }

    /// Keeps a picture of the page down to the first element that a selector names.
    pub(crate) async fn picture_above(&self, selector: &str, name: &str) {
        let size = format!(
            "[innerWidth, document.querySelector({}).getBoundingClientRect().top + scrollY]",
            json!(selector)
        );
        let size = self.value(&size).await;
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
        self.capture(
            name,
            json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }),
        )
        .await;
    }

    /// What went wrong in the tab: dialogs, exceptions, errors of the console such as violations of the policy.
    pub(crate) fn problems(&self) -> Vec<Value> {
        let mut problems = self.link.events(&self.session);
        problems.retain(|event| match event["method"].as_str() {
            Some("Page.javascriptDialogOpening" | "Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => {
                let entry = &event["params"]["entry"];
                // The page of the login is an answer of this status.
                let is_login = |text: &str| text.ends_with("status of 401 (Unauthorized)");
                entry["level"] == "error" && !entry["text"].as_str().is_some_and(is_login)
            }
            _ => false,
        });
        problems
    }
}
