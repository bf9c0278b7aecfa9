//! A browser: it keeps cookies, and sends the forms of pages with what stands hidden in them.

use std::collections::BTreeMap;

use super::{Answer, Request, Server};

/// A browser, with its cookies.
pub struct Browser<'s> {
    server: &'s Server,
    pub cookies: BTreeMap<String, String>,
}

/// What a browser was answered.
pub struct Page(pub Answer);

impl<'s> Browser<'s> {
    pub const fn new(server: &'s Server) -> Self {
        Self { server, cookies: BTreeMap::new() }
    }

    /// Sends a request with the cookies, and keeps those that come.
    #[track_caller]
    pub fn ask(&mut self, request: Request) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match cookies.is_empty() {
            true => request,
            false => request.header("Cookie", cookies.join("; ")),
        };
        let answer = self.server.ask(&request);
        for cookie in answer.all("set-cookie") {
            let (pair, rest) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match rest.contains("Max-Age=0;") || rest.ends_with("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.into(), value.into()),
            };
        }
        Page(answer)
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Page {
        self.ask(Request::get(path))
    }

    /// Sends a form with just these fields.
    #[track_caller]
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let form = Request::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
        self.ask(form.body(body))
    }

    /// Opens a page, fills in its form, and sends it.
    #[track_caller]
    pub fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(path);
        assert_eq!(page.0.status, 200, "{path}: {}", page.0.text());
        self.submit_from(&page, path, fields)
    }

    /// Sends the form of this page.
    #[track_caller]
    pub fn submit_from(&mut self, page: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = page.form_token();
        self.post(path, &[&[("form_token", token.as_str())], fields].concat())
    }
}

impl Page {
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Where it sends on to.
    #[track_caller]
    pub fn goes_to(&self) -> &str {
        assert_eq!(self.0.status, 303, "{}", self.0.text());
        self.0.header("location").unwrap()
    }

    /// The page's text, if it has this status.
    #[track_caller]
    pub fn text(&self, status: u16) -> String {
        assert_eq!(self.0.status, status, "{:?} {}", self.0.headers, self.0.text());
        assert_eq!(self.0.header("content-type"), Some("text/html; charset=utf-8"));
        self.0.text()
    }

    /// What stands between these two in the page.
    #[track_caller]
    pub fn between(&self, before: &str, after: &str) -> String {
        let text = self.0.text();
        let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
        found.unwrap_or_else(|| panic!("{before} is not in {text}")).0.to_owned()
    }

    #[track_caller]
    pub fn form_token(&self) -> String {
        self.between("name=\"form_token\" value=\"", "\"")
    }

    /// The page's main heading.
    #[track_caller]
    pub fn heading(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for c in self.between("<h1>", "</h1>").chars() {
            match c {
                '<' => in_tag = true,
                '>' => in_tag = false,
                c if !in_tag => text.push(c),
                _ => {}
            }
        }
        text
    }
}
