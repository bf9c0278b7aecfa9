//! The one error that people and programs meet: a problem document (RFC 9457) from the API, a page in a browser.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Timestamp, TooManyFailures};
use serde_json::json;
use store::DbError;

/// What went wrong: a code from a closed list, a sentence that says what happened and what to do, and the field that it
/// is about, if it is about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which of the listed problems.
    pub code: Code,
    /// What happened, and what to do next, in the words of the person who meets it.
    pub detail: String,
    /// The field of the form, or of the request's JSON, that it is about.
    pub field: Option<&'static str>,
    /// In how many seconds a new attempt makes sense.
    pub retry_after: Option<i64>,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// Every problem there is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[doc = $doc])* $name),+ }

        impl Code {
            /// The code as programs read it.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The status that it is answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// What it is, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    /// Something in the request isn't as it has to be.
    Unfit = "unfit", UNPROCESSABLE_ENTITY, "Something needs another look";
    /// The request couldn't be read at all.
    Unreadable = "unreadable", BAD_REQUEST, "That couldn't be read";
    /// Too large to be read.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "That is too large";
    /// Nobody is signed in.
    SignInNeeded = "sign-in-needed", UNAUTHORIZED, "Sign in first";
    /// Wrong ID or password, or wrong code.
    WrongCredentials = "wrong-credentials", UNAUTHORIZED, "That didn't match";
    /// The password is right, and the second factor's code is needed too.
    CodeNeeded = "code-needed", UNAUTHORIZED, "Enter your code";
    /// The last second factor is too long ago for this.
    ConfirmationNeeded = "confirmation-needed", FORBIDDEN, "Confirm that it's you";
    /// Too many wrong passwords or codes.
    TooManyAttempts = "too-many-attempts", TOO_MANY_REQUESTS, "Too many attempts";
    /// Only an administrator may do this.
    NotAllowed = "not-allowed", FORBIDDEN, "That's for administrators";
    /// The form was not made for this browser, or too long ago.
    FormExpired = "form-expired", FORBIDDEN, "This form is no longer good";
    /// It needs two-factor authentication.
    TwoFactorNeeded = "two-factor-needed", CONFLICT, "Turn on two-factor authentication first";
    /// All 25 places are taken.
    TooManyAppPasswords = "too-many-app-passwords", CONFLICT, "There is no room for another one";
    /// It is as it should be already, or somebody else was faster.
    Conflict = "conflict", CONFLICT, "It has changed meanwhile";
    /// There is no such thing, or it isn't yours.
    NotFound = "not-found", NOT_FOUND, "Not found";
    /// Not in this way.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Not in this way";
    /// A one-time link that has been used, is too old, or never was one.
    LinkSpent = "link-spent", GONE, "This link no longer works";
    /// A door was asked without a service's key, or with a wrong one.
    ServiceKeyWrong = "service-key-wrong", FORBIDDEN, "The service's key is missing or wrong";
    /// Doorkey can't answer now.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Doorkey can't answer right now";
}

impl Problem {
    /// A problem with what it means here.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None, retry_after: None }
    }

    /// What a person gave in this field doesn't do.
    pub fn field(field: &'static str, detail: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(Code::Unfit, detail) }
    }

    /// Nothing here by that name, or not for the one who asks: the two are told apart to nobody.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing by that name here, or no longer. Look at the list again.")
    }

    /// The answer where there is no route.
    pub async fn not_found_route() -> Self {
        Self::new(Code::NotFound, "There is nothing at this address. Check it, or begin at the first page.")
    }

    /// Doorkey itself is in trouble.
    pub fn unavailable() -> Self {
        Self {
            retry_after: Some(5),
            ..Self::new(
                Code::Unavailable,
                "Nothing was changed, as far as Doorkey knows. Try again in a few seconds; if it goes on, \
                 tell the person who runs this server.",
            )
        }
    }

    /// Nothing more is taken from this account for now.
    pub fn too_many(failures: TooManyFailures, now: Timestamp) -> Self {
        match failures {
            TooManyFailures::Until(at) => {
                let seconds = (at.since(now) + 999).div_euclid(1000).max(1);
                let wait = match seconds {
                    1 => "1 second".into(),
                    2..=90 => format!("{seconds} seconds"),
                    _ => format!("{} minutes", (seconds + 59) / 60),
                };
                Self {
                    retry_after: Some(seconds),
                    ..Self::new(Code::TooManyAttempts, format!("Too many attempts. Try again in {wait}."))
                }
            }
            TooManyFailures::Spent => Self::new(
                Code::TooManyAttempts,
                "A hundred attempts in a row were wrong, so no more are taken here. Sign in from a browser that you \
                 marked as your own, or ask your administrator for a reset link.",
            ),
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        // The kind of error and the statement's name; never a value that was bound.
        tracing::error!(%error, "the database did not do what was asked");
        Self::unavailable()
    }
}

impl From<crate::clock::NoRandomness> for Problem {
    fn from(error: crate::clock::NoRandomness) -> Self {
        tracing::error!(%error, "nothing can be made");
        Self::unavailable()
    }
}

impl IntoResponse for Problem {
    /// The problem document. A browser gets the page instead: see `web::problem_page`.
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:doorkey:problem:{}", self.code.code()),
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "code": self.code.code(),
            "detail": self.detail,
        });
        if let (Some(field), Some(members)) = (self.field, body.as_object_mut()) {
            members.insert("field".into(), field.into());
        }
        let mut response = (self.code.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
