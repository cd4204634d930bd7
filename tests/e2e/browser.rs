//! A real Chromium, driven through its `DevTools` protocol.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

use crate::run::root;

/// How long anything may take that takes a moment.
const PATIENCE: Duration = Duration::from_mins(1);

/// A browser with one page. It ends with this.
pub(crate) struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    session: String,
    last: u64,
    /// What the browser complained of.
    pub(crate) complaints: Vec<String>,
    _folder: TempDir,
}

/// What a window looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) name: &'static str,
    pub(crate) width: u32,
    pub(crate) dark: bool,
}

/// The looks that every page is to have.
pub(crate) const LOOKS: [Look; 3] = [
    Look { name: "light", width: 1280, dark: false },
    Look { name: "dark", width: 1280, dark: true },
    Look { name: "phone", width: 390, dark: false },
];

impl Browser {
    /// Starts Chromium.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--remote-debugging-port=0", "--disable-background-networking", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("these tests look through Chromium: `apt-get install chromium`");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.split_once("listening on ")?.1.to_owned())).unwrap();
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let host = address.trim_start_matches("ws://").split('/').next().unwrap().to_owned();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(address.as_str(), stream).unwrap();
        let session = String::new();
        let mut browser = Self { child, socket, session, last: 0, complaints: Vec::new(), _folder: folder };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = text(&browser.call("Target.attachToTarget", &attach)["sessionId"]);
        for domain in ["Page", "Log", "Runtime"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Asks the browser for something.
    fn call(&mut self, method: &str, parameters: &Json) -> Json {
        self.last += 1;
        let mut request = json!({"id": self.last, "method": method, "params": parameters});
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(request.to_string())).unwrap();
        loop {
            let Message::Text(message) = self.socket.read().unwrap() else { continue };
            let message: Json = serde_json::from_str(&message).unwrap();
            self.listen(&message);
            if message["id"] == self.last {
                assert!(message.get("error").is_none(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    /// Writes down errors: of scripts, and of what the policy of a page forbids.
    fn listen(&mut self, message: &Json) {
        let parameters = &message["params"];
        match message["method"].as_str() {
            Some("Log.entryAdded") if parameters["entry"]["level"] == "error" => {
                self.complaints.push(parameters["entry"].to_string());
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(parameters.to_string()),
            _ => {}
        }
    }

    /// Goes to an address, and waits until it is shown.
    pub(crate) fn open(&mut self, address: &str) {
        self.call("Page.navigate", &json!({"url": address}));
        let address = json!(address.split('#').next());
        self.until(&format!("document.readyState === 'complete' && location.href.startsWith({address})"));
    }

    /// The value of an expression on the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Json {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", &parameters);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// Waits until an expression holds.
    pub(crate) fn until(&mut self, expression: &str) {
        let started = Instant::now();
        // While a page goes, there is nothing to ask.
        let holds = format!("(() => {{ try {{ return Boolean({expression}) }} catch {{ return false }} }})()");
        while self.evaluate(&holds) != true {
            assert!(started.elapsed() < PATIENCE, "{expression}, but the page says\n{}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the page says.
    pub(crate) fn text(&mut self) -> String {
        text(&self.evaluate("document.body.innerText"))
    }

    /// Waits until the page says something.
    pub(crate) fn says(&mut self, words: &str) {
        self.until(&format!("document.querySelector('main').innerText.includes({})", json!(words)));
    }

    /// Clicks on the first of these that has these words.
    pub(crate) fn click(&mut self, selector: &str, words: &str) {
        let find = format!(
            "[...document.querySelectorAll({})].find((it) => it.innerText.includes({}))",
            json!(selector),
            json!(words)
        );
        self.until(&find);
        self.evaluate(&format!("{find}.click()"));
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Escape" => 27,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            "Tab" | "Escape" => "",
            key => key,
        };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Types into what has the focus.
    pub(crate) fn write(&mut self, words: &str) {
        self.call("Input.insertText", &json!({"text": words}));
    }

    /// Looks through another window.
    pub(crate) fn look(&mut self, look: Look) {
        let size = json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if look.dark { "dark" } else { "light" };
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &scheme);
    }

    /// Keeps a picture of the whole page as `target/dashboard/NAME.png`.
    pub(crate) fn picture(&mut self, name: &str) {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let picture = text(&self.call("Page.captureScreenshot", &parameters)["data"]);
        let folder = root().join("target/dashboard");
        fs::create_dir_all(&folder).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture).unwrap();
        fs::write(folder.join(Path::new(name).with_extension("png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
