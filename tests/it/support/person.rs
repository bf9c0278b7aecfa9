//! People: their account, their authenticator app, what they may do in the API.

use std::sync::Mutex;

use data_encoding::BASE32_NOPAD;
use domain::{Timestamp, Totp};
use serde_json::{Value, json};

use super::{Address, Answer, Browser, Request, Server, contract};

/// Everybody's password, until they change it.
pub const PASSWORD: &str = "violet kettle under seven bridges";

/// The API, as somebody has it.
pub struct Api<'s> {
    server: &'s Server,
    /// None for whoever may open the socket in the data folder.
    pub token: Option<String>,
}

impl<'s> Api<'s> {
    pub const fn local(server: &'s Server) -> Self {
        Self { server, token: None }
    }

    pub fn with_token(server: &'s Server, token: &str) -> Self {
        Self { server, token: Some(token.into()) }
    }

    /// A request below `/api/v1`, as this person sends it.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Request {
        let request = Request::new(method, &format!("/api/v1{path}"));
        let request = match body {
            None => request,
            Some(body) => request.json(body),
        };
        match self.token.as_deref() {
            None | Some("") => request,
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
        }
    }

    /// Sends a request below `/api/v1`.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path, body);
        let answer = match &self.token {
            None => Address::Unix(self.server.data_seen().join("doorkey.sock")).ask(&request),
            Some(_) => self.server.ask(&request),
        };
        contract::check(method, &format!("/api/v1{path}"), &answer);
        answer
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    #[track_caller]
    pub fn put(&self, path: &str) -> Answer {
        self.send("PUT", path, None)
    }

    #[track_caller]
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, Some(body))
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }
}

/// The code that an authenticator app with this secret shows.
pub fn code_of(secret: &str, at: Timestamp) -> String {
    let bytes = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    Totp::from_bytes(&bytes).unwrap().code(at).to_string()
}

/// An app-specific password that was just generated.
#[derive(Clone, Debug)]
pub struct AppPassword {
    pub id: String,
    pub password: String,
}

impl AppPassword {
    #[track_caller]
    pub fn read(answer: Answer) -> Self {
        let answer = answer.json(201);
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self { id: text("id"), password: text("password") }
    }
}

/// Somebody with an account.
pub struct Person<'s> {
    pub server: &'s Server,
    pub id: String,
    pub password: String,
    /// The secret in their authenticator app; none while they have no second factor.
    pub secret: Option<String>,
    /// The step of the last code that they entered: a code counts once.
    last_step: Mutex<i64>,
    pub api: Api<'s>,
}

impl<'s> Person<'s> {
    /// Somebody who hasn't signed in.
    pub fn new(server: &'s Server, id: &str, secret: Option<&str>) -> Self {
        Self {
            server,
            id: id.into(),
            password: PASSWORD.into(),
            secret: secret.map(Into::into),
            last_step: Mutex::new(0),
            api: Api::with_token(server, ""),
        }
    }

    /// Signs in to the API, and goes on with its token.
    #[track_caller]
    pub fn signed_in(mut self) -> Self {
        self.sign_in();
        self
    }

    /// Signs in to the API, and goes on with its token.
    #[track_caller]
    pub fn sign_in(&mut self) {
        let token = self.new_token();
        self.api = self.server.api(&token);
    }

    /// Signs in to the API once more.
    #[track_caller]
    pub fn new_token(&self) -> String {
        let mut asked = json!({ "id": self.id, "password": self.password });
        if self.secret.is_some() {
            asked["code"] = self.code().into();
        }
        let answer = self.server.api("").post("/sign-in", &asked).json(200);
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Signs in in a new browser.
    #[track_caller]
    pub fn browser(&self) -> Browser<'s> {
        let mut browser = self.server.browser();
        let first = browser.submit("/sign-in", &[("id", &self.id), ("password", &self.password)]);
        if self.secret.is_some() {
            let code = self.code();
            assert_eq!(browser.submit(first.goes_to(), &[("code", &code)]).goes_to(), "/");
        } else {
            assert_eq!(first.goes_to(), "/");
        }
        browser
    }

    /// A code that the server will take. It takes those of the step before and after its own too; when the next one is
    /// further ahead, its clock is moved there.
    pub fn code(&self) -> String {
        let mut last = self.last_step.lock().unwrap();
        let now = self.server.clock.now().seconds().div_euclid(30);
        let step = now.max(*last + 1);
        if step > now + 1 {
            self.server.clock.move_by((step - 1 - now) * 30);
        }
        *last = step;
        self.code_at(step)
    }

    fn code_at(&self, step: i64) -> String {
        code_of(self.secret.as_ref().expect("a second factor"), Timestamp::from_millis(step * 30_000))
    }

    /// A code that the server won't take.
    pub fn wrong_code(&self) -> String {
        let now = self.server.clock.now().seconds().div_euclid(30);
        // With the steps that the clock may come to while it is sent.
        let right: Vec<_> = (now - 2..now + 5).map(|step| self.code_at(step)).collect();
        (0..10).map(|n| format!("00000{n}")).find(|code| !right.contains(code)).unwrap()
    }

    /// Generates an app-specific password for these kinds, "mail,contacts", or "first".
    #[track_caller]
    pub fn generate(&self, label: &str, kinds: &str) -> AppPassword {
        AppPassword::read(self.try_generate(label, kinds))
    }

    #[track_caller]
    pub fn try_generate(&self, label: &str, kinds: &str) -> Answer {
        self.api.post("/app-passwords", &generate_request(label, kinds))
    }

    #[track_caller]
    pub fn revoke(&self, password: &AppPassword) -> Answer {
        self.api.delete(&format!("/app-passwords/{}", password.id))
    }

    /// The list of their app-specific passwords.
    #[track_caller]
    pub fn list(&self) -> Value {
        self.api.get("/app-passwords").json(200)
    }

    /// One of the list.
    #[track_caller]
    pub fn listed(&self, password: &AppPassword) -> Value {
        let list = self.list();
        let all = list["app_passwords"].as_array().unwrap();
        all.iter().find(|one| one["id"] == password.id.as_str()).expect("it is in the list").clone()
    }

    /// What is in the whole log, as an administrator gets it, the oldest first.
    #[track_caller]
    pub fn log(&self, filter: &str) -> Vec<Value> {
        self.api.get(&format!("/events?limit=1000&{filter}")).json(200)["events"].as_array().unwrap().clone()
    }

    /// Everything that happened to their account, the newest first.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let (mut events, mut path) = (Vec::new(), "/activity".to_owned());
        loop {
            let page = self.api.get(&path).json(200);
            events.extend_from_slice(page["events"].as_array().unwrap());
            let Some(next) = page["next"].as_i64() else { return events };
            let on = format!("/activity?before={next}");
            assert_ne!(path, on, "each page leads to an older one");
            path = on;
        }
    }

    /// Those events that tell of this.
    #[track_caller]
    pub fn told(&self, what: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["what"] == what).collect()
    }
}

/// What is sent to generate an app-specific password.
pub fn generate_request(label: &str, kinds: &str) -> Value {
    match kinds {
        "first" => json!({ "label": label, "for": "first" }),
        kinds => json!({ "label": label, "for": kinds.split(',').collect::<Vec<_>>() }),
    }
}
