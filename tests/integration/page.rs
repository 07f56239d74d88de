//! HTML report in a real browser: Chromium, controlled over its debugging pipe. Skipped, with a
//! message, if there is none.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ablade::figures::draw_all;
use ablade::page::{self, Section};
use ablade::record::RunStatus;
use serde_json::{Value, json};

use crate::support::made_up::{Recipe, artefacts, strings};
use crate::support::skipped;

/// A browser with one open page.
struct Browser {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    session: String,
    sent: u64,
    events: VecDeque<Value>,
}

impl Browser {
    /// Starts Chromium, if there is one.
    fn start(profile: &Path) -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
        let program = names
            .iter()
            .flat_map(|name| folders.iter().map(move |f| f.join(name)))
            .find(|p| p.is_file())?;
        // The debugging pipe uses file descriptors 3 and 4; the shell redirects our pipes there.
        #[expect(clippy::zombie_processes, reason = "`drop` kills and waits for it")]
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#])
            .arg(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--remote-debugging-pipe",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args(["--disable-extensions", "--no-pings", "--host-resolver-rules=MAP * ~NOTFOUND"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let input = process.stdin.take()?;
        let mut output = BufReader::new(process.stdout.take()?);
        let (send, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let parsed = serde_json::from_slice(&message).expect("messages are JSON");
                if send.send(parsed).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            process,
            input,
            messages,
            session: String::new(),
            sent: 0,
            events: VecDeque::new(),
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached = browser.call(
            "Target.attachToTarget",
            &json!({ "targetId": target["targetId"], "flatten": true }),
        );
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Network.enable", "Runtime.enable", "Log.enable", "Page.enable"] {
            browser.call(domain, &json!({}));
        }
        Some(browser)
    }

    fn next(&self) -> Value {
        self.messages
            .recv_timeout(Duration::from_secs(60))
            .expect("the browser answers within a minute")
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.input.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let message = self.next();
            if message["id"] == json!(self.sent) {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push_back(message);
        }
    }

    fn open(&mut self, file: &Path, width: u32) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        self.events.clear();
        self.call("Page.navigate", &json!({ "url": format!("file://{}", file.display()) }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let message = self.next();
            self.events.push_back(message);
        }
    }

    /// Value of a JavaScript expression.
    fn value(&mut self, expression: &str) -> Value {
        let answer = self
            .call("Runtime.evaluate", &json!({ "expression": expression, "returnByValue": true }));
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    fn texts(&mut self, selector: &str) -> Vec<String> {
        let found = self.value(&format!(
            "[...document.querySelectorAll({})].map(x => x.textContent)",
            json!(selector)
        ));
        serde_json::from_value(found).unwrap()
    }

    fn click(&mut self, selector: &str) {
        self.value(&format!("document.querySelector({}).click()", json!(selector)));
    }

    fn point_at(&mut self, x: f64, y: f64) {
        self.call("Input.dispatchMouseEvent", &json!({ "type": "mouseMoved", "x": x, "y": y }));
    }

    fn screenshot(&mut self, path: &Path, height: u32, width: u32) {
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let shot = self.call(
            "Page.captureScreenshot",
            &json!({ "clip": clip, "captureBeyondViewport": true }),
        );
        let text = shot["data"].as_str().unwrap();
        let code = |c: u8| {
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                .iter()
                .position(|x| *x == c)
        };
        let mut bytes = Vec::new();
        for chunk in text.as_bytes().chunks(4) {
            let digits: Vec<usize> = chunk.iter().map_while(|c| code(*c)).collect();
            let word = digits.iter().enumerate().fold(0, |word, (i, d)| word | d << (18 - 6 * i));
            bytes.extend((0..digits.len() - 1).map(|i| (word >> (16 - 8 * i)) as u8));
        }
        std::fs::write(path, bytes).unwrap();
    }

    /// Errors and warnings of the page, and every address that it requested.
    fn complaints_and_requests(&mut self) -> (Vec<Value>, Vec<String>) {
        self.value("1");
        let of = |method: &str| {
            self.events
                .iter()
                .filter(move |e| e["method"] == method)
                .cloned()
                .collect::<Vec<_>>()
        };
        let complaints = ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"]
            .into_iter()
            .flat_map(of)
            .collect();
        let requests = of("Network.requestWillBeSent");
        let address =
            |e: &Value| e["params"]["request"]["url"].as_str().unwrap_or_default().to_owned();
        (complaints, requests.iter().map(address).collect())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(name: &str, recipe: &Recipe) -> PathBuf {
    let study = recipe.study();
    let artefacts = artefacts(&study);
    let figures = draw_all(&study, &artefacts);
    let section = Section { study: &study, own: &artefacts, figures: &figures };
    let path = folder().join(name);
    std::fs::write(&path, page::render(&[section])).unwrap();
    path
}

fn browser() -> Option<(Browser, tempfile::TempDir)> {
    let profile = tempfile::tempdir().unwrap();
    let browser = Browser::start(profile.path());
    if browser.is_none() {
        skipped("no chromium on the PATH; `apt-get install chromium` brings one");
    }
    Some((browser?, profile))
}

#[test]
fn readers_can_sort_hide_point_and_compare() {
    let file = write(
        "fixture.html",
        &Recipe {
            status: |v, s| if (v, s) == (2, 1) { RunStatus::Diverged } else { RunStatus::Finished },
            ..Recipe::default()
        },
    );
    let Some((mut browser, _profile)) = browser() else { return };
    browser.open(&file, 1120);

    let names = |b: &mut Browser| b.texts("[data-part=table] tbody td:first-child");
    let before = names(&mut browser);
    assert_eq!(before, ["baseline", "depth 1, masks 8", "depth 2, masks 1", "depth 2, masks 8"]);
    browser.click("[data-part=table] th:nth-child(3) button");
    let keys = browser
        .value("[...document.querySelectorAll('[data-part=table] tbody tr')].map(r => +r.children[2].dataset.k)");
    let keys: Vec<f64> = serde_json::from_value(keys).unwrap();
    assert!(keys.windows(2).all(|w| w[0] <= w[1]), "{keys:?}");
    assert_eq!(
        browser.value("document.querySelector('th[aria-sort]').getAttribute('aria-sort')"),
        "ascending"
    );
    browser.click("[data-part=table] th:nth-child(3) button");
    assert_eq!(
        browser.value("document.querySelector('th[aria-sort]').getAttribute('aria-sort')"),
        "descending"
    );

    let lines = "document.querySelectorAll('[data-part=curves] path[stroke-width=\"2\"]').length";
    assert_eq!(browser.value(lines), 4);
    browser.click("[data-part=table] tbody tr input");
    assert_eq!(browser.value(lines), 3);
    browser.click("[data-part=none]");
    assert_eq!(browser.value(lines), 0);
    browser.click("[data-part=all]");
    assert_eq!(browser.value(lines), 4);
    let dashed = "document.querySelectorAll('[data-part=curves] path[stroke-dasharray]').length";
    assert_eq!(browser.value(dashed), 4);
    browser.click("[data-option=train]");
    assert_eq!(browser.value(dashed), 0);

    let middle = browser.value(
        "(() => { const p = document.querySelector('[data-part=pane]'); p.scrollIntoView({ block: 'center' }); \
         const b = p.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()",
    );
    browser.point_at(middle[0].as_f64().unwrap(), middle[1].as_f64().unwrap());
    let tip = browser.texts("#tip");
    assert!(tip[0].starts_with("epoch 30") || tip[0].starts_with("epoch 31"), "{tip:?}");
    assert!(tip[0].contains("depth 2, masks 8") && tip[0].contains('\u{b1}'), "{tip:?}");
    browser.point_at(2.0, 2.0);
    assert_eq!(browser.value("document.getElementById('tip').style.display"), "none");

    // Twelve runs, one of them diverged and without a score.
    assert_eq!(
        browser.value("document.querySelectorAll('[data-part=parallel] path').length"),
        11
    );
    let settings = browser.texts("[data-part=differences] td:first-child");
    assert_eq!(settings, ["model.masks"]);
    browser.value(
        "(() => { const s = document.querySelector('[data-part=right]'); s.value = 3; s.dispatchEvent(new Event('change')); })()",
    );
    assert_eq!(
        browser.texts("[data-part=differences] td:first-child"),
        ["model.hidden", "model.masks"]
    );

    let ground = "getComputedStyle(document.body).backgroundColor";
    let light = browser.value(ground);
    browser.click("#theme");
    assert_ne!(browser.value(ground), light);
    browser.click("#theme");
    assert_eq!(browser.value(ground), light);
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.value("delete document.documentElement.dataset.theme");
    browser.call("Emulation.setEmulatedMedia", &dark);
    assert_ne!(browser.value(ground), light);

    let (complaints, requests) = browser.complaints_and_requests();
    assert!(complaints.is_empty(), "{complaints:?}");
    let own = |address: &&String| !address.starts_with("data:");
    assert_eq!(requests.iter().filter(own).count(), 1, "only the page itself: {requests:?}");
    for (name, width, scheme) in
        [("light", 1120, "light"), ("dark", 1120, "dark"), ("phone", 390, "light")]
    {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.call("Emulation.setEmulatedMedia", &media);
        browser.open(&file, width);
        browser.screenshot(&folder().join(format!("{name}.png")), 3400, width);
    }
}

#[test]
fn a_phone_scrolls_one_way_only() {
    let many = Recipe {
        axes: vec![
            ("ordering", strings(&["raster", "columns", "reverse", "snake", "spiral"])),
            ("depth", strings(&["1", "2"])),
            ("skip", strings(&["off", "on"])),
        ],
        ..Recipe::default()
    };
    let file = write("many.html", &many);
    let Some((mut browser, _profile)) = browser() else { return };
    for width in [390, 768, 1600] {
        browser.open(&file, width);
        let sideways = browser
            .value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(sideways, 0, "sideways scroll at {width} px");
        assert!(
            browser.value("document.documentElement.scrollWidth").as_u64() <= Some(width.into())
        );
        assert!(
            browser
                .value("document.querySelectorAll('[data-part=curves] path').length")
                .as_u64()
                > Some(10)
        );
    }
}

#[test]
fn hostile_names_stay_names() {
    let hostile = "</script></style><script>window.pwned=1</script><img src=x onerror=window.pwned=1>\"'&{{data}}";
    let recipe = Recipe {
        axes: vec![(
            "Lớp ẩn <b>",
            vec![hostile.to_owned(), "javascript:window.pwned=1".to_owned()],
        )],
        name: hostile.into(),
        words: (hostile.into(), "Mặt nạ".into()),
        ..Recipe::default()
    };
    let file = write("hostile.html", &recipe);
    let Some((mut browser, _profile)) = browser() else { return };
    browser.open(&file, 900);
    assert_eq!(browser.value("typeof window.pwned"), "undefined");
    assert_eq!(browser.texts("h1"), [hostile]);
    assert_eq!(browser.texts(".question"), [hostile]);
    assert_eq!(browser.value("document.querySelectorAll('script').length"), 2);
    let (complaints, _) = browser.complaints_and_requests();
    assert!(complaints.is_empty(), "{complaints:?}");
}
