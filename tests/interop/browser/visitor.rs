//! Somebody at the pages, and the steps that they take again and again.

use crate::{
    doorkey,
    parts::{Chromium, Scripts},
    support::{Person, Server},
};

pub const ADA: &str = "ada@example.org";
pub use crate::support::PASSWORD;

/// A person, their browser, and the server that they visit.
pub struct Visitor<'s> {
    pub browser: Chromium,
    pub server: &'s Server,
    url: String,
    id: String,
    /// What they have in their authenticator app.
    app: Option<Person<'s>>,
}

/// A server to visit, which stays where it is.
pub fn server() -> (Server, String) {
    doorkey::start_at("localhost")
}

impl<'s> Visitor<'s> {
    pub fn new(server: &'s Server, url: &str, scripts: Scripts) -> Self {
        Self { browser: Chromium::start(scripts), server, url: url.into(), id: ADA.into(), app: None }
    }

    /// Somebody who was sent a link with which they choose their password, and does.
    #[track_caller]
    pub fn invited(server: &'s Server, url: &str, (id, name): (&str, &str), link: &str) -> Self {
        let browser = Chromium::start(Scripts::Run);
        let visitor = Self { browser, server, url: url.into(), id: id.into(), app: None };
        visitor.browser.open(link);
        visitor.browser.shows(&format!("Welcome, {name}"));
        visitor.browser.fill("password", PASSWORD);
        visitor.browser.press("Set the password");
        visitor.browser.shows("Turn on two-factor authentication");
        visitor
    }

    /// The same person, with the same authenticator app, at another server.
    pub fn at<'o>(&self, server: &'o Server, url: &str) -> Visitor<'o> {
        let secret = self.app.as_ref().and_then(|app| app.secret.clone());
        Visitor {
            browser: Chromium::start(Scripts::Run),
            server,
            url: url.into(),
            id: self.id.clone(),
            app: Some(Person::new(server, &self.id, secret.as_deref())),
        }
    }

    /// Opens one of the server's pages by its address.
    pub fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.url));
    }

    /// Follows the link that the server printed, and makes the first account.
    pub fn set_up(&self) {
        self.open(&self.server.set_up_path());
        self.browser.shows("Set up Doorkey");
        self.browser.fill("id", ADA);
        self.browser.fill("name", "Ada Lovelace");
        self.browser.fill("password", PASSWORD);
        self.browser.press("Make the account");
        self.browser.shows("Sign-In and Security");
    }

    pub fn sign_out(&self) {
        self.browser.press_label(&self.id);
        self.browser.press("Sign out");
        self.browser.shows("Sign in");
        self.browser.says("You are signed out.");
    }

    /// The first step of signing in.
    pub fn enter_password(&self, password: &str) {
        self.browser.shows("Sign in");
        self.browser.fill("id", &self.id);
        self.browser.fill("password", password);
        self.browser.press("Sign in");
    }

    /// The second step, where there is one.
    pub fn enter_code(&self) {
        self.browser.shows("Enter your code");
        self.browser.fill("code", &self.code());
        self.browser.press("Sign in");
    }

    pub fn sign_in(&self) {
        self.open("/sign-in");
        self.enter_password(PASSWORD);
        self.enter_code();
        self.browser.shows("Sign-In and Security");
    }

    /// Types the key that stands on the page into an authenticator app.
    pub fn read_key(&mut self) {
        let key = self.browser.text_of("#key").replace(char::is_whitespace, "");
        self.app = Some(Person::new(self.server, &self.id, Some(&key)));
    }

    /// What the authenticator app shows.
    pub fn code(&self) -> String {
        self.app.as_ref().expect("a second factor").code()
    }

    /// What the authenticator app doesn't show.
    pub fn wrong_code(&self) -> String {
        self.app.as_ref().expect("a second factor").wrong_code()
    }

    /// Turns two-factor authentication on, from wherever that is offered.
    pub fn turn_two_factor_on(&mut self) {
        self.browser.press("Turn on two-factor authentication");
        self.enter_two_factor();
    }

    /// Does what the page for it asks.
    pub fn enter_two_factor(&mut self) {
        self.browser.shows("Turn on two-factor authentication");
        self.read_key();
        self.browser.fill("code", &self.code());
        self.browser.press("Turn on");
        self.browser.shows("Your recovery codes");
        self.browser.press("Done");
        self.browser.shows("App-Specific Passwords");
    }

    /// Goes by the menu beside every page.
    pub fn go_to(&self, page: &str) {
        self.browser.press(page);
        self.browser.shows(page);
    }

    /// Registers a service, and gives the page's ready configuration for this server.
    pub fn add_service(&self, name: &str, kind: &str, server: &str) -> String {
        self.go_to("Services");
        self.browser.press("Add service");
        self.browser.shows("Add a service");
        self.browser.fill("name", name);
        self.browser.press_label(kind);
        self.browser.press("Add service");
        self.browser.shows(&format!("The key of {name}"));
        self.browser.text_of(&format!("#configuration-{server}"))
    }

    /// Generates an app-specific password, and gives it as it is shown.
    pub fn generate(&self, label: &str, kinds: &[&str]) -> String {
        self.go_to("App-Specific Passwords");
        self.browser.press("Generate");
        self.browser.shows("Generate an app-specific password");
        self.browser.fill("label", label);
        for kind in kinds {
            self.browser.press_label(kind);
        }
        self.browser.press("Generate");
        self.browser.shows(&format!("Your password for {label}"));
        self.browser.text_of("#secret").replace(char::is_whitespace, "")
    }
}
