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
use ablade::results::ExperimentResults;
use ablade::text::estimate;
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

    /// Opens a page afresh, also where only its anchor is another than before.
    fn open(&mut self, file: &Path, width: u32) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        for address in ["about:blank".to_owned(), format!("file://{}", file.display())] {
            self.events.clear();
            self.call("Page.navigate", &json!({ "url": address }));
            while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
                let message = self.next();
                self.events.push_back(message);
            }
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
        std::fs::write(path, decoded(&shot["data"])).unwrap();
    }

    /// The page as it is printed.
    fn print(&mut self, path: &Path) {
        let printed = self.call("Page.printToPDF", &json!({ "preferCSSPageSize": true }));
        std::fs::write(path, decoded(&printed["data"])).unwrap();
    }

    fn press(&mut self, key: &str) {
        for kind in ["rawKeyDown", "keyUp"] {
            let code = match key {
                "Enter" => 13,
                "Escape" => 27,
                _ => 0,
            };
            self.call(
                "Input.dispatchKeyEvent",
                &json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code }),
            );
        }
    }

    /// Chooses an option as a user does.
    fn choose(&mut self, selector: &str, value: &str) {
        self.value(&format!(
            "(() => {{ const s = document.querySelector({}); s.value = {}; s.dispatchEvent(new Event('change')); }})()",
            json!(selector),
            json!(value)
        ));
    }

    /// Text of the file that a click saves.
    fn saved_by(&mut self, selector: &str) -> String {
        self.value("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; }");
        self.click(selector);
        let answer = self.call(
            "Runtime.evaluate",
            &json!({ "expression": "window.saved.text()", "awaitPromise": true, "returnByValue": true }),
        );
        answer["result"]["value"].as_str().expect("a text").to_owned()
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

/// Bytes of a text in base64.
fn decoded(text: &Value) -> Vec<u8> {
    let code = |c: u8| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            .iter()
            .position(|x| *x == c)
    };
    let mut bytes = Vec::new();
    for chunk in text.as_str().unwrap().as_bytes().chunks(4) {
        let digits: Vec<usize> = chunk.iter().map_while(|c| code(*c)).collect();
        let word = digits.iter().enumerate().fold(0, |word, (i, d)| word | d << (18 - 6 * i));
        bytes.extend((0..digits.len() - 1).map(|i| (word >> (16 - 8 * i)) as u8));
    }
    bytes
}

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(name: &str, recipe: &Recipe) -> PathBuf {
    write_study(name, &recipe.study())
}

fn write_study(name: &str, study: &ExperimentResults) -> PathBuf {
    let artefacts = artefacts(study);
    let figures = draw_all(study, &artefacts);
    let section = Section { study, own: &artefacts, figures: &figures };
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
    let tip = browser.texts("[data-part=tip]");
    assert!(tip[0].starts_with("epoch 30") || tip[0].starts_with("epoch 31"), "{tip:?}");
    assert!(tip[0].contains("depth 2, masks 8") && tip[0].contains('\u{b1}'), "{tip:?}");
    browser.point_at(2.0, 2.0);
    assert_eq!(browser.value("document.querySelector('[data-part=tip]').style.display"), "none");

    // Twelve runs, one of them diverged and without a score.
    assert_eq!(
        browser.value("document.querySelectorAll('[data-part=parallel] path[data-run]').length"),
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
    browser.click("[data-part=theme]");
    assert_ne!(browser.value(ground), light);
    browser.click("[data-part=theme]");
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

/// Number of curves in the chart.
const LINES: &str =
    "document.querySelectorAll('[data-part=curves] path[stroke-width=\"2\"]').length";

#[test]
fn a_view_is_filtered_and_grouped_and_its_address_brings_it_back() {
    let recipe = Recipe::default();
    let file = write("address.html", &recipe);
    let Some((mut browser, _profile)) = browser() else { return };
    browser.open(&file, 1120);
    let rows = "[...document.querySelectorAll('[data-part=table] tbody tr')].filter(r => !r.hidden).length";
    let lines = |b: &mut Browser| (b.value(LINES).as_u64(), b.value(rows).as_u64());
    assert_eq!(lines(&mut browser), (Some(4), Some(4)));
    browser.click("[data-axis='1'][data-level='0']");
    assert_eq!(lines(&mut browser), (Some(2), Some(2)));
    browser.choose("[data-choice=group]", "depth");
    browser.choose("[data-choice=x]", "seconds");
    assert_eq!(lines(&mut browser), (Some(2), Some(2)));

    let address = browser.value("location.hash");
    let address = address.as_str().unwrap();
    assert!(address.starts_with("#fixture?"), "{address}");
    browser.open(Path::new(&format!("{}{address}", file.display())), 1121);
    assert_eq!(lines(&mut browser), (Some(2), Some(2)));
    assert_eq!(browser.value("document.querySelector('[data-choice=x]').value"), "seconds");
    assert_eq!(browser.value("location.hash"), address);

    // A mean over variants is that of the table of effects: within each seed, then over the seeds.
    browser.click("[data-part=reset]");
    assert_eq!(browser.value("location.hash"), "#fixture");
    browser.choose("[data-choice=group]", "masks");
    let study = recipe.study();
    let effects = study.effects(0).expect("a grid");
    for level in 0..2 {
        let mean = effects.main(1, level).and_then(|effect| effect.mean).expect("a mean");
        let half = mean.interval.map(|interval| interval.high - mean.mean);
        let cells =
            browser.texts(&format!("[data-part=grouped] tbody tr:nth-child({}) td", level + 1));
        assert_eq!(cells[1..], ["2".to_owned(), "3".to_owned(), estimate(mean.mean, half)]);
    }
    let (complaints, _) = browser.complaints_and_requests();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn a_run_opens_from_table_line_and_address_and_every_anchor_is_a_name() {
    let recipe = Recipe::default();
    let file = write("runs.html", &recipe);
    let Some((mut browser, _profile)) = browser() else { return };
    browser.open(&file, 1120);
    let ids = browser.value("[...document.querySelectorAll('[id]')].map(x => x.id)");
    let ids: Vec<String> = serde_json::from_value(ids).unwrap();
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    let run = recipe.study().plan.runs[5].id.to_string();
    for anchor in ["fixture", "fixture/variants", "fixture/samples", "fixture/runs"] {
        assert!(ids.iter().any(|id| id == anchor), "{anchor} of {ids:?}");
    }
    assert!(ids.contains(&format!("run/{run}")));

    let is_open = "document.querySelector('dialog').open";
    browser.click(&format!("[data-part=runs] a[href='#run/{run}']"));
    assert_eq!(browser.value(is_open), true);
    let text = browser.texts("dialog").concat();
    for part in ["depth 1, masks 8, seed 2", run.as_str(), "finished", "model.masks", "runs/"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(browser.value("location.hash"), format!("#run/{run}"));
    assert_eq!(browser.value("document.querySelectorAll('dialog .grids img').length"), 1);
    assert_eq!(browser.value("document.querySelectorAll('dialog svg path').length"), 4);
    browser.press("Escape");
    assert_eq!(browser.value(is_open), false);

    browser.value("document.querySelector('[data-part=pane]').focus()");
    for key in ["ArrowLeft", "ArrowDown", "ArrowDown"] {
        browser.press(key);
    }
    assert!(browser.texts("[data-part=tip]")[0].starts_with("epoch 5"));
    browser.press("Enter");
    assert_eq!(browser.value(is_open), true);
    browser.press("Escape");
    browser.value("document.querySelector('[data-part=parallel] g').focus()");
    browser.press("ArrowDown");
    browser.press("Enter");
    assert_eq!(browser.value(is_open), true);

    browser.open(Path::new(&format!("{}#run/{run}", file.display())), 1120);
    assert_eq!(browser.value(is_open), true);
    let (complaints, _) = browser.complaints_and_requests();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn a_chart_is_saved_as_it_is_shown() {
    let file = write("saved.html", &Recipe::default());
    let Some((mut browser, _profile)) = browser() else { return };
    browser.open(&file, 1120);
    browser.click("[data-axis='1'][data-level='0']");
    browser.click("[data-option=train]");
    let csv = browser.saved_by("[data-export=curves][data-kind=csv]");
    let mut rows = csv.lines();
    assert_eq!(rows.next(), Some("line,seed,epoch,test NLL,half_width,seeds"));
    // Two variants of 60 epochs.
    assert_eq!(rows.clone().count(), 120);
    assert!(rows.all(|row| row.starts_with("\"depth ") && row.ends_with(",3")), "{csv}");
    let svg = browser.saved_by("[data-export=curves][data-kind=svg]");
    assert!(svg.contains("xmlns=\"http://www.w3.org/2000/svg\""));
    for foreign in ["var(", "class=", "color-mix", "tabindex", "data-tool"] {
        assert!(!svg.contains(foreign), "{foreign} in {svg}");
    }
    assert_eq!(svg.matches("stroke-width=\"2\"").count(), 2);
    let csv = browser.saved_by("[data-export=parallel][data-kind=csv]");
    assert_eq!(csv.lines().count(), 7, "{csv}");
}

#[test]
fn sixty_variants_are_small_readable_at_every_width_and_printed_whole() {
    let long = "a level with a name of ninety bytes, which is the longest that a label in a table should be";
    let many = Recipe {
        axes: vec![
            ("ordering", strings(&["raster", "columns", "reverse", "snake", long])),
            ("depth", strings(&["1", "2", "3"])),
            ("skip", strings(&["off", "on"])),
            ("batch", strings(&["50", "100"])),
        ],
        ..Recipe::default()
    };
    let file = write("many.html", &many);
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size < 3 << 20, "{size} bytes");
    let Some((mut browser, _profile)) = browser() else { return };
    for width in [400, 800, 1400] {
        browser.open(&file, width);
        let sideways =
            "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.value(sideways), 0, "sideways scroll at {width} px");
        assert!(
            browser.value("document.documentElement.scrollWidth").as_u64() <= Some(width.into())
        );
        browser.value("document.querySelector('[data-part=pane]').focus()");
        browser.press("ArrowLeft");
        let inside = browser.value(
            "(() => { const t = document.querySelector('[data-part=tip]'), b = t.getBoundingClientRect(); \
             return t.scrollWidth <= t.clientWidth && b.left >= 0 && b.right <= document.documentElement.clientWidth; })()",
        );
        assert_eq!(inside, true, "the tooltip at {width} px");
        assert!(browser.value(LINES).as_u64() == Some(60));
    }
    let pdf = folder().join("many.pdf");
    browser.print(&pdf);
    let Ok(text) = Command::new("pdftotext")
        .args(["-layout", "-l", "3"])
        .arg(&pdf)
        .arg("-")
        .output()
    else {
        return skipped("no pdftotext on the PATH; `apt-get install poppler-utils` brings one");
    };
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    // The last column: 20 seconds and three more for each variant.
    for value in ["20.7", "23.7", "26.7"] {
        assert!(text.contains(value), "{value} in {text}");
    }
    for head in ["variant", "difference", "verdict", "parameters", "run"] {
        assert!(text.contains(head), "{head} in {text}");
    }
}

#[test]
fn without_a_script_nothing_is_dead_and_nothing_is_missing() {
    let file = write("still.html", &Recipe::default());
    let Some((mut browser, _profile)) = browser() else { return };
    browser.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.open(&file, 1120);
    let visible = |selector: &str| {
        format!(
            "[...document.querySelectorAll('{selector}')].filter(x => x.checkVisibility()).length"
        )
    };
    for dead in ["select", "input", "[data-part=theme]", "[data-part=parallel]", "[data-export]"] {
        assert_eq!(browser.value(&visible(dead)), 0, "{dead}");
    }
    assert_eq!(browser.value(&visible("[data-part=curves] svg")), 1);
    assert_eq!(browser.value(&visible("[data-part=table] tbody tr")), 4);
    assert_eq!(browser.value(&visible("[data-part=runs] tbody tr")), 12);
    assert_eq!(browser.value(&visible("[data-part=settings] tbody tr")), 4);
}

#[test]
fn figures_are_dark_on_a_dark_page() {
    let file = write("night.html", &Recipe::default());
    let Some((mut browser, _profile)) = browser() else { return };
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.call("Emulation.setEmulatedMedia", &dark);
    browser.open(&file, 1120);
    let colours = browser.value(
        "[...document.querySelectorAll('.drawing svg [fill]')].filter(x => x.getAttribute('fill') !== 'none') \
         .map(x => [x.getAttribute('fill'), getComputedStyle(x).fill])",
    );
    let colours: Vec<(String, String)> = serde_json::from_value(colours).unwrap();
    let white = colours.iter().find(|(fill, _)| fill.eq_ignore_ascii_case("#ffffff"));
    assert_eq!(white.expect("a ground").1, "rgb(20, 23, 26)");
    for (fill, shown) in &colours {
        assert!(fill.starts_with('#'), "{fill}");
        assert_ne!(shown, "rgb(34, 38, 43)", "{fill} is ink on a dark ground");
    }
}

#[test]
fn a_study_says_what_it_would_take_to_know_more() {
    let sentence = |recipe: Recipe| {
        let study = recipe.study();
        study.outlook(0, &study.ablation(0))
    };
    let few = sentence(Recipe::default()).expect("differences that vary");
    assert!(
        few.starts_with(
            "To know more: 3 seeds can show no difference at 0.05, however large; 6 could"
        ),
        "{few}"
    );
    let enough = sentence(Recipe { seeds: 8, ..Recipe::default() }).expect("differences that vary");
    assert!(enough.starts_with("To know more: 8 seeds show a difference of "), "{enough}");
    assert!(
        enough.contains(" nats in 4 studies of 5")
            && enough.contains("; half of that takes about "),
        "{enough}"
    );
    let one = sentence(Recipe { seeds: 1, ..Recipe::default() });
    assert_eq!(
        one.as_deref(),
        Some("To know more: 1 seed can show no difference at 0.05, however large; 6 could.")
    );
    assert_eq!(sentence(Recipe { status: |_, _| RunStatus::Failed, ..Recipe::default() }), None);
}

#[test]
fn a_study_of_failures_or_nan_says_so() {
    let failed = Recipe {
        status: |_, _| RunStatus::Failed,
        seeds: 1,
        ..Recipe::default()
    };
    let only_baseline = Recipe {
        status: |v, _| if v == 0 { RunStatus::Finished } else { RunStatus::Outstanding },
        ..Recipe::default()
    };
    let mut nan = Recipe { seeds: 1, ..Recipe::default() }.study();
    for row in nan.records.values_mut().flat_map(|record| &mut record.epochs) {
        row.values.fill(f64::NAN);
    }
    let texts = [
        (
            failed.study(),
            ["No run has a value.", "No run has left a curve.", "the disk is full"],
        ),
        (
            only_baseline.study(),
            ["no other variant has a value yet", "9 not run yet", "baseline"],
        ),
        (nan, ["Lowest mean test NLL", "All 4 runs have finished.", "depth 2"]),
    ];
    let mut browser = browser();
    for (i, (study, texts)) in texts.iter().enumerate() {
        let file = write_study(&format!("odd-{i}.html"), study);
        let page = std::fs::read_to_string(&file).unwrap();
        for text in texts {
            assert!(page.contains(text), "{text} on page {i}");
        }
        let before_scripts = page.split("<script").next().unwrap();
        assert!(!before_scripts.contains("NaN"), "NaN on page {i}");
        let Some((browser, _)) = &mut browser else { continue };
        browser.open(&file, 800);
        let (complaints, _) = browser.complaints_and_requests();
        assert!(complaints.is_empty(), "{i}: {complaints:?}");
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
