//! Chromium, as somebody uses it: what is pressed and typed goes through the browser's own input, and what is waited for is what is
//! shown.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{
    By, ChromiumLikeCapabilities, DesiredCapabilities, Key, LoggingPrefsLogLevel, WebDriver, WebElement,
    error::WebDriverResult,
    extensions::query::{ElementPollerWithTimeout, ElementQueryable},
};
use tokio::runtime::Runtime;

use super::{Part, find};

/// Nothing takes this long to be shown: past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);
/// A browser doesn't tell when something is shown. It is asked, this often.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Whether pages may run scripts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    Run,
    AreOff,
}

/// A browser with a profile of its own, in which nobody has been anywhere.
pub struct Chromium {
    runtime: Runtime,
    driver: Option<WebDriver>,
    _part: Part,
    _folder: TempDir,
}

impl Chromium {
    pub fn start(scripts: Scripts) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let part = Part::start("chromedriver", folder.path(), &["--port=0"]);
        let line = part.out.line_with("started successfully on port ").expect("ChromeDriver starts");
        let port = line.trim_end_matches('.').rsplit(' ').next().expect("a port");
        let url = format!("http://127.0.0.1:{port}");

        // The client of the WebDriver protocol could speak TLS, and wants to know how.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let driver =
            runtime.block_on(async { WebDriver::new(url, capabilities(&folder, scripts)).await.unwrap() });
        driver.set_poller(Arc::new(ElementPollerWithTimeout::new(PATIENCE, ASK_EVERY)));
        Self { runtime, driver: Some(driver), _part: part, _folder: folder }
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("it runs")
    }

    pub fn open(&self, url: &str) {
        self.runtime.block_on(self.driver().goto(url)).unwrap();
    }

    pub fn reload(&self) {
        self.runtime.block_on(self.driver().refresh()).unwrap();
    }

    /// The address of the page that is shown, without scheme and host.
    pub fn path(&self) -> String {
        self.runtime.block_on(self.driver().current_url()).unwrap().path().to_owned()
    }

    /// Waits for the first of these that is to be seen.
    #[track_caller]
    fn find(&self, by: By) -> WebElement {
        let found = self.runtime.block_on(self.driver().query(by.clone()).and_displayed().first());
        found.unwrap_or_else(|_| panic!("{by:?} isn't shown on {}: {}", self.path(), self.page()))
    }

    /// Waits until the page with this heading is shown.
    #[track_caller]
    pub fn shows(&self, heading: &str) {
        self.find(By::XPath(format!("//h1[normalize-space()={heading:?}]")));
    }

    /// Waits until something that this selector finds is shown.
    #[track_caller]
    pub fn sees(&self, selector: &str) {
        self.find(By::Css(selector.to_owned()));
    }

    /// Presses the button or follows the link with these words, and waits for the page that it leads to.
    #[track_caller]
    pub fn press(&self, words: &str) {
        self.leave(|| self.press_here(words));
    }

    /// Presses the button with these words, which leads nowhere else.
    #[track_caller]
    pub fn press_here(&self, words: &str) {
        self.click(By::XPath(format!("//*[self::a or self::button][normalize-space()={words:?}]")));
    }

    /// Follows what has no words, and this name for those who don't see it.
    #[track_caller]
    pub fn press_named(&self, name: &str) {
        self.leave(|| self.click(By::XPath(format!("//*[@aria-label={name:?}]"))));
    }

    /// Ticks the box, or opens what is folded, with these words in it.
    #[track_caller]
    pub fn press_label(&self, words: &str) {
        self.click(By::XPath(format!("//*[self::label or self::summary][contains(., {words:?})]")));
    }

    #[track_caller]
    fn click(&self, by: By) {
        let element = self.find(by);
        self.runtime.block_on(element.click()).unwrap();
    }

    /// Does what leads to another page, or to the same one anew, and waits until that has been loaded.
    #[track_caller]
    pub fn leave(&self, act: impl FnOnce()) {
        // No two documents begin at the same time.
        let before = self.compute("performance.timeOrigin");
        act();
        self.until(&format!("performance.timeOrigin !== {before} && document.readyState === 'complete'"));
    }

    /// Waits until an expression of JavaScript is true.
    #[track_caller]
    pub fn until(&self, expression: &str) {
        let is_true = async {
            let mut ask = tokio::time::interval(ASK_EVERY);
            loop {
                ask.tick().await;
                // Between two pages there is nothing that could answer.
                let Ok(answer) = self.evaluate(expression).await else { continue };
                if answer["result"]["value"] == true {
                    return;
                }
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, is_true).await });
        assert!(waited.is_ok(), "it never came to {expression} on {}: {}", self.path(), self.page());
    }

    /// Types into the field with this id, in the place of what stood there.
    #[track_caller]
    pub fn fill(&self, id: &str, text: &str) {
        let field = self.find(By::Id(id.to_owned()));
        self.runtime.block_on(async {
            field.clear().await.unwrap();
            field.send_keys(text).await.unwrap();
        });
    }

    /// Types wherever the focus is.
    #[track_caller]
    pub fn type_keys(&self, keys: &str) {
        self.runtime.block_on(self.driver().action_chain().send_keys(keys).perform()).unwrap();
    }

    #[track_caller]
    pub fn type_key(&self, key: Key) {
        self.runtime.block_on(self.driver().action_chain().send_keys(key).perform()).unwrap();
    }

    /// The text of the first element that this selector finds, as it is shown.
    #[track_caller]
    pub fn text_of(&self, selector: &str) -> String {
        let element = self.find(By::Css(selector.to_owned()));
        self.runtime.block_on(element.text()).unwrap()
    }

    /// All text of the page, as it is shown.
    #[track_caller]
    pub fn page(&self) -> String {
        let body = self.runtime.block_on(self.driver().find(By::Tag("body"))).unwrap();
        self.runtime.block_on(body.text()).unwrap()
    }

    /// Checks that the page has these words.
    #[track_caller]
    pub fn says(&self, words: &str) {
        let page = self.page();
        assert!(page.contains(words), "{words:?} isn't on {}: {page}", self.path());
    }

    /// What an expression of JavaScript comes to. The browser itself computes it, also where pages may run no scripts.
    #[track_caller]
    pub fn compute(&self, expression: &str) -> Value {
        let answer = self.runtime.block_on(self.evaluate(expression)).unwrap();
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].clone()
    }

    async fn evaluate(&self, expression: &str) -> WebDriverResult<Value> {
        let asked = json!({ "expression": expression, "returnByValue": true });
        self.driver().cdp().send_raw("Runtime.evaluate", asked).await
    }

    /// Tells the browser what only its developer tools can tell it.
    #[track_caller]
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.runtime.block_on(self.driver().cdp().send_raw(command, parameters)).unwrap()
    }

    /// What stood in the console since it was last asked and shouldn't stand there: errors of scripts, things that were refused for
    /// the page's safety, files that are missing. That a page itself came with an error's status is no error of the page.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.runtime.block_on(self.driver().browser_log()).unwrap();
        let is_complaint = |level: &str| level == "SEVERE" || level == "WARNING";
        let is_page =
            |message: &str| message.contains("Failed to load resource") && !message.contains("/static/");
        log.into_iter()
            .filter(|entry| is_complaint(&entry.level) && !is_page(&entry.message))
            .map(|entry| entry.message)
            .collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let Some(driver) = self.driver.take() else { return };
        if std::thread::panicking() {
            // It is ended with its process.
            let _ = driver.leak();
        } else {
            let _ = self.runtime.block_on(driver.quit());
        }
    }
}

fn capabilities(folder: &TempDir, scripts: Scripts) -> thirtyfour::ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.set_binary(find("chromium").to_str().unwrap()).unwrap();
    let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--window-size=1280,900",
        &profile,
    ] {
        capabilities.add_arg(argument).unwrap();
    }
    if scripts == Scripts::AreOff {
        let off = json!({ "profile.managed_default_content_settings.javascript": 2 });
        capabilities.add_experimental_option("prefs", off).unwrap();
    }
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
    capabilities
}
