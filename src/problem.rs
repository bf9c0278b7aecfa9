//! The one error that people and programs meet: a problem document (RFC 9457) from the API, a page in a browser.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Timestamp, TooManyFailures};
use serde::Serialize;
use store::DbError;
use utoipa::ToSchema;

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

/// A problem as the API answers it (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document<'a> {
    /// Which problem, as an address: `/api/problems#` and the code. This server explains it there.
    #[serde(rename = "type")]
    kind: String,
    /// What it is, in a few words; the same for every problem of this code.
    title: &'static str,
    /// The status that it is answered with.
    status: u16,
    /// The code: one of a closed list. Decide by this.
    code: &'static str,
    /// What happened here, and what to do, for the person who meets it.
    detail: &'a str,
    /// The part of the request that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $status:ident, $title:literal, $advice:literal;)+) => {
        /// Every problem there is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[doc = $doc])* $name),+ }

        impl Code {
            /// Every code, in the order in which they are explained.
            pub const ALL: &[Self] = &[$(Self::$name),+];

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

            /// What happened, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii()),+ }
            }

            /// What whoever meets it does next.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice),+ }
            }
        }

        /// The codes as `#[utoipa::path]` takes them: `responses((status = 204), of::NotFound, of::Conflict)`.
        pub mod of {
            use super::Code;
            use crate::openapi::{Refusals, refusal};

            $(
                $(#[doc = $doc])*
                pub struct $name;

                impl utoipa::IntoResponses for $name {
                    fn responses() -> Refusals { refusal(Code::$name) }
                }
            )+
        }
    };
}

codes! {
    /// Something in the request isn't as it has to be.
    Unfit = "unfit", UNPROCESSABLE_ENTITY, "Something needs another look",
        "Change what `field` names as `detail` says, and send the request again.";
    /// The request couldn't be read at all.
    Unreadable = "unreadable", BAD_REQUEST, "That couldn't be read",
        "Send JSON with just the fields that the request has: a missing, unknown or wrongly typed one is named in `detail`.";
    /// Too large to be read.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "That is too large",
        "Send less: a body holds at most 64 KiB, one that imports people 4 MiB.";
    /// Nobody is signed in.
    SignInNeeded = "sign-in-needed", UNAUTHORIZED, "Sign in first",
        "Send `Authorization: Bearer` with a token that is still good. Sign in for a new one.";
    /// Wrong ID or password, or wrong code.
    WrongCredentials = "wrong-credentials", UNAUTHORIZED, "That didn't match",
        "Ask the person for the right password or for the next code. Don't send the same again: each try counts.";
    /// The password is right, and the second factor's code is needed too.
    CodeNeeded = "code-needed", UNAUTHORIZED, "Enter your code",
        "Send the request again with the code of the person's second factor.";
    /// The last second factor is too long ago for this.
    ConfirmationNeeded = "confirmation-needed", FORBIDDEN, "Confirm that it's you",
        "Send the code to `POST /api/v1/session/confirm`, then the same request again within ten minutes.";
    /// Too many wrong passwords or codes.
    TooManyAttempts = "too-many-attempts", TOO_MANY_REQUESTS, "Too many attempts",
        "Wait as many seconds as `Retry-After` says. Without it, no more are taken here: an administrator can give a reset link.";
    /// Only an administrator may do this.
    NotAllowed = "not-allowed", FORBIDDEN, "That's for administrators",
        "Ask an administrator of this server.";
    /// The personal API token hasn't got the scope that opens this.
    ScopeNeeded = "scope-needed", FORBIDDEN, "This token isn't for that",
        "Make a token that has the scope that `detail` names, and send the request with it.";
    /// No personal API token may do this.
    NotWithToken = "not-with-token", FORBIDDEN, "Not with a token",
        "Sign in with `POST /api/v1/sign-in` as the person, and send the request with the token of that.";
    /// The password is right, and the account may not be used.
    AccountSuspended = "account-suspended", FORBIDDEN, "Your account is suspended",
        "Ask an administrator of this server. It is told only to who sends the right password.";
    /// What nobody does to their own account.
    OwnAccount = "own-account", CONFLICT, "Not to your own account",
        "Ask another administrator: nobody suspends or removes their own account.";
    /// Without this administrator there would be none.
    LastAdministrator = "last-administrator", CONFLICT, "This is the last administrator",
        "Make somebody else an administrator first.";
    /// The form was not made for this browser, or too long ago.
    FormExpired = "form-expired", FORBIDDEN, "This form is no longer good",
        "Open the page again, and send its form from there. The API never answers this.";
    /// It needs two-factor authentication.
    TwoFactorNeeded = "two-factor-needed", CONFLICT, "Turn on two-factor authentication first",
        "The person turns two-factor authentication on; then the same request works.";
    /// All 25 places are taken.
    TooManyAppPasswords = "too-many-app-passwords", CONFLICT, "There is no room for another one",
        "Revoke an app-specific password that is no longer used. Ended ones don't count.";
    /// All 25 places for personal API tokens are taken.
    TooManyTokens = "too-many-tokens", CONFLICT, "There is no room for another token",
        "Revoke a token that is no longer used. Expired ones don't count.";
    /// All 50 places for connections are taken.
    TooManyConnections = "too-many-connections", CONFLICT, "There is no room for another connection",
        "Remove a connection that is no longer used.";
    /// It is as it should be already, or somebody else was faster.
    Conflict = "conflict", CONFLICT, "It has changed meanwhile",
        "Read it again, and decide anew. With `field`, something of that name is there already: choose another.";
    /// The numbers of the log have begun anew.
    EpochChanged = "epoch-changed", CONFLICT, "The log has begun anew",
        "Forget the number that you went on from, and begin at `after=0` without `epoch`: a backup was restored.";
    /// There is no such thing, or it isn't yours.
    NotFound = "not-found", NOT_FOUND, "Not found",
        "Check the address and the name in it, or read the list again. What isn't yours is answered in the same way.";
    /// Not in this way.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Not in this way",
        "Use a method that this address takes.";
    /// A one-time link that has been used, is too old, or never was one.
    LinkSpent = "link-spent", GONE, "This link no longer works",
        "Ask whoever gave you the link for a new one.";
    /// A door was asked without a service's key, or with a wrong one.
    ServiceKeyWrong = "service-key-wrong", FORBIDDEN, "The service's key is missing or wrong",
        "Put the service's key into the header `Doorkey-Service-Key` of the server that asks at the door.";
    /// One's role in the project's team isn't enough for this.
    RoleNeeded = "role-needed", FORBIDDEN, "That needs another role in this project",
        "Ask somebody of the team who has the role that `detail` names.";
    /// There is no open build with this token.
    BuildTokenWrong = "build-token-wrong", UNAUTHORIZED, "This build token isn't good",
        "Open a build, and send the token that the answer brings. A build's token ends with the build.";
    /// Apple refuses what was to be connected.
    AppleRefused = "apple-refused", UNPROCESSABLE_ENTITY, "Apple doesn't take that",
        "Compare what was sent with what Apple shows, as `detail` says. Nothing was stored.";
    /// Apple can't be asked now, so nothing is known.
    AppleUnavailable = "apple-unavailable", SERVICE_UNAVAILABLE, "Apple can't be asked right now",
        "Try again later: nothing was stored, and nothing was changed.";
    /// The server's own clock is wrong, and Apple takes nothing that it signs.
    ClockWrong = "clock-wrong", SERVICE_UNAVAILABLE, "This server's clock is wrong",
        "Tell the person who runs this server, who sets its clock; then try again.";
    /// The CI's identity token isn't genuine, isn't for this server, or was used before.
    IdentityWrong = "identity-wrong", UNAUTHORIZED, "This identity token isn't taken",
        "Do as `detail` says, and send a new token: each opens one build.";
    /// The project token isn't known, is another project's, or its time is over.
    ProjectTokenWrong = "project-token-wrong", UNAUTHORIZED, "This project token isn't good",
        "Ask an admin of the project for another token.";
    /// Whose build it is was shown, and it may not be opened.
    BuildRefused = "build-refused", FORBIDDEN, "This build isn't let in",
        "An admin of the project can let such builds in: on its page Integrations, where the token can be tried.";
    /// Doorkey can't answer now.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Doorkey can't answer right now",
        "Try again after as many seconds as `Retry-After` says. If it goes on, tell the person who runs this server.";
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
                "A hundred attempts in a row were wrong, so no more are taken here. Sign in from a \
                 trusted browser, or ask your administrator for a reset link.",
            ),
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        // The kind of error and the statement's name; never a value that was bound.
        tracing::error!(%error, "the database did not do what was asked");
        match error {
            DbError::Unwritable(_) => Self {
                detail: "Nothing was changed: the disk that Doorkey keeps its data on is full, or can't be written to. Apps can \
                         sign in as before. Tell the person who runs this server to make room there, then try again."
                    .into(),
                ..Self::unavailable()
            },
            _ => Self::unavailable(),
        }
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
        let body = Document {
            kind: format!("/api/problems#{}", self.code.code()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.code(),
            detail: &self.detail,
            field: self.field,
        };
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
