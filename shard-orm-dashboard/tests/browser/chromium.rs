//! A Chromium without a window, driven by the Chrome DevTools Protocol over a pipe.
//!
//! With `--remote-debugging-pipe` Chromium reads its commands from the file descriptor 3, and writes answers and events to
//! 4, each a JSON text that ends in a zero byte. That needs no WebSocket and no port, nobody else can connect, and the
//! browser ends with this process, whose end of the pipe is closed then. A crate with types for the whole protocol would
//! be generated code that takes a minute to compile, for the dozen commands that are used here.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::tab::Tab;

/// The Debian package, and the name of its program.
const PROGRAM: &str = "chromium";
/// Longer than any command takes.
const LIMIT: Duration = Duration::from_secs(120);
/// How long the browser may take to end when it is asked to.
const ENDING: Duration = Duration::from_secs(5);

/// What the browser is started with. Its traffic does not leave the machine.
const OPTIONS: [&str; 12] = [
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A browser of a test; it ends when it is dropped.
pub(crate) struct Chromium {
    child: Child,
    link: Arc<Link>,
    /// Its profile, and what it says.
    _folder: TempDir,
}

/// The pipe, and who waits for answers.
pub(crate) struct Link {
    commands: Mutex<Option<ChildStdin>>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    events: Mutex<Vec<Value>>,
    next: AtomicU64,
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        // The shell puts the two pipes where Chromium looks for them.
        command
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .arg(PROGRAM)
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap());
        // Its sandbox refuses to run as root.
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.arg("--no-sandbox");
        }
        let mut child = command.spawn().unwrap();
        let answers = child.stdout.take().unwrap();
        let link = Arc::new(Link {
            commands: Mutex::new(child.stdin.take()),
            waiting: Mutex::default(),
            events: Mutex::default(),
            next: AtomicU64::new(1),
        });
        let reader = Arc::clone(&link);
        std::thread::spawn(move || reader.read(answers));
        let browser = Self {
            child,
            link,
            _folder: folder,
        };
        let version = browser
            .link
            .ask(None, "Browser.getVersion", json!({}))
            .await;
        assert!(
            version.is_some(),
            "{PROGRAM} does not start; run scripts/test, which installs it, or install the package `{PROGRAM}`:\n{}",
            fs::read_to_string(&log).unwrap_or_default()
        );
        browser
    }

    /// A tab of its own, of the size of a notebook's window.
    pub(crate) async fn tab(&self) -> Tab {
        let target = json!({ "url": "about:blank" });
        let target = self.link.call(None, "Target.createTarget", target).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.link.call(None, "Target.attachToTarget", attach).await;
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        Tab::new(Arc::clone(&self.link), session).await
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Without the pipe it ends by itself.
        drop(self.link.commands.lock().unwrap().take());
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > ENDING {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Link {
    /// Hands answers to those who wait for them, and keeps events, until the browser has ended.
    fn read(&self, answers: ChildStdout) {
        let mut answers = BufReader::new(answers);
        let mut bytes = Vec::new();
        while answers
            .read_until(0, &mut bytes)
            .is_ok_and(|length| length > 0)
        {
            bytes.pop();
            let message: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            match message["id"].as_u64() {
                Some(id) => {
                    let waiting = self.waiting.lock().unwrap().remove(&id);
                    if let Some(waiting) = waiting {
                        // A test that has failed waits no more.
                        let _ = waiting.send(message);
                    }
                }
                None => self.events.lock().unwrap().push(message),
            }
            bytes.clear();
        }
        self.waiting.lock().unwrap().clear();
    }

    /// Sends a command, and returns its result.
    pub(crate) async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Value {
        let result = self.try_call(session, method, parameters).await;
        result.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// As [`call`](Self::call); an error of the browser, such as that the page was left meanwhile.
    pub(crate) async fn try_call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, Value> {
        let answer = self.ask(session, method, parameters).await;
        let answer = answer.unwrap_or_else(|| panic!("{method}: the browser has ended"));
        if answer["error"].is_null() {
            Ok(answer["result"].clone())
        } else {
            Err(answer["error"].clone())
        }
    }

    /// The answer to a command; `None` if the browser has ended.
    async fn ask(&self, session: Option<&str>, method: &str, parameters: Value) -> Option<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, sender);
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        {
            let mut commands = self.commands.lock().unwrap();
            commands.as_mut()?.write_all(&bytes).ok()?;
        }
        let answer = tokio::time::timeout(LIMIT, answer).await;
        let answer = answer.unwrap_or_else(|_| panic!("{method}: no answer within {LIMIT:?}"));
        answer.ok()
    }

    /// The events of a tab so far.
    pub(crate) fn events(&self, session: &str) -> Vec<Value> {
        let events = self.events.lock().unwrap();
        let own = events.iter().filter(|event| event["sessionId"] == session);
        own.cloned().collect()
    }
}
