//! Mail: letters to people, and the task that hands them to the mail server.
//!
//! Who changes something that a person is to be told writes a letter first ([`new`]), puts it into the transaction of the change
//! (`store::mails::insert`), and wakes the sender once that is stored ([`Mailer::wake`]). A letter that waits is sealed: the link in
//! it is as good as a password. Without mail configured there is no letter, and nothing waits.
//!
//! What happens to an account is mailed to its person from the log: [`notices`] reads it, [`notice`] says which events and in which words.

use domain::{AccountId, MailId, Timestamp};
use seal::Place;
use store::mails::Mail;
use tokio::sync::{Mutex, Notify};

use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
};
use letter::Letter;
use smtp::{Connection, Trouble};

pub mod api;
pub mod letter;
pub mod notice;
pub mod notices;
pub mod sender;
pub mod smtp;

/// What the sender and those who queue letters share.
#[derive(Default)]
pub struct Mailer {
    woken: Notify,
    /// Held by whoever speaks to the mail server: there is one connection at a time.
    turn: Mutex<()>,
}

impl Mailer {
    /// Says that a letter has been queued.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}

/// A letter that is to be queued: nothing when no mail is configured. It is to no account where the address may be anybody's. `expires_at` is
/// when there is no more point in it.
pub fn new(
    app: &App,
    ctx: &mut Ctx,
    account: impl Into<Option<AccountId>>,
    recipient: &str,
    letter: &Letter,
    expires_at: Timestamp,
) -> Option<Mail> {
    app.config.mail.as_ref()?;
    let id = MailId::new(ctx.stamp.now, &mut ctx.rng);
    Some(Mail {
        id,
        account: account.into(),
        about: letter.about.clone(),
        recipient: recipient.into(),
        letter_sealed: app.keyring.seal(place(&id.to_bytes()), &letter.to_bytes(), &mut ctx.rng),
        created_at: ctx.stamp.now,
        expires_at,
        attempts: 0,
        next_at: ctx.stamp.now,
        answer: None,
        given_up_at: None,
    })
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "mails", row, column: "letter_sealed" }
}

/// How a test went.
pub struct Tested {
    /// The mail server.
    pub server: String,
    /// Whether it took the mail.
    pub accepted: bool,
    /// What it said, in words.
    pub said: String,
}

/// Sends a test mail at once, and tells what the mail server said.
///
/// # Errors
/// `conflict` when no mail is configured; `unfit` at `address`.
pub async fn test(app: &App, ctx: &mut Ctx, _admin: &Fresh<Admin>, address: &str) -> Result<Tested, Problem> {
    let Some(config) = &app.config.mail else {
        return Err(Problem::new(
            Code::Conflict,
            "No mail is configured. Set smtp and from in [mail], and start the server again.",
        ));
    };
    let id = MailId::new(ctx.stamp.now, &mut ctx.rng);
    let composed = Letter::test(app.config.http.public_url.as_str())
        .compose(id, &config.from, address, ctx.stamp.now)
        .map_err(|why| Problem::field("address", why))?;
    let _turn = app.mailer.turn.lock().await;
    let done = match Connection::open(&config.smtp, app.config.http.public_url.host(), smtp::PATIENCE).await {
        Err(words) => Err(words),
        Ok(mut connection) => {
            let sent = connection.send(&composed).await;
            connection.close().await;
            sent.map_err(Trouble::into_words)
        }
    };
    let (accepted, said) = match done {
        Ok(said) => (true, said),
        Err(said) => (false, said),
    };
    // What waits may be deliverable now.
    if accepted {
        app.mailer.wake();
    }
    Ok(Tested { server: smtp::place(&config.smtp), accepted, said })
}
