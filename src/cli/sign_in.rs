//! `doorkey sign-in`

use axum::http::Method;
use domain::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{CallError, Client};
use super::confirm::{TIMES, ask_code};
use super::console::Console;
use super::credentials::{Credentials, Folder};
use super::failure::Failure;
use super::render::{plain, read};
use super::server_url::ServerUrl;

const HELP: &str = "Your password, and the code from your authenticator app, are asked for on the terminal. A token is \
                    kept in $XDG_CONFIG_HOME/doorkey (or ~/.config/doorkey), where only you can read it, until you \
                    sign out.";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// The server, like https://doorkey.example.org
    url: ServerUrl,
    /// Your account's ID, like ada@example.org
    id: String,
    /// Take the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// The code from your authenticator app, or a recovery code [default: asked for where it is needed]
    #[arg(long)]
    code: Option<String>,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Answer {
    token: String,
    account: Account,
    recovery_codes_left: Option<u64>,
}

#[derive(Deserialize)]
struct Account {
    name: String,
}

pub(super) async fn run(args: Args, folder: &Folder, console: &mut Console) -> Result<(), Failure> {
    let password = console.password(&format!("Password for {}: ", args.id), args.password_stdin)?;
    let client = Client::at(&args.url, None)?;
    let answer = sign_in(&client, &args, &password, console).await?;
    let Answer { token, account, recovery_codes_left } = read(&answer)?;
    let credentials = Credentials { url: args.url, id: account.name, token: Secret::new(token) };
    // One that can't be read ends by itself after a while.
    let replaced = folder.load().ok().flatten();
    if let Err(failure) = folder.save(&credentials) {
        // What can't be kept shall not stay good.
        end(&credentials).await;
        return Err(failure);
    }
    if let Some(replaced) = replaced.filter(|replaced| replaced.url == credentials.url) {
        end(&replaced).await;
    }
    if args.json {
        let mut said = json!({ "account": answer.get("account") });
        if let (Some(left), Some(members)) = (recovery_codes_left, said.as_object_mut()) {
            members.insert("recovery_codes_left".into(), left.into());
        }
        return console.json(&said);
    }
    if let Some(left) = recovery_codes_left {
        let more = if left <= 3 { " Make new ones under Sign-In and Security." } else { "" };
        console.note(&format!("You used a recovery code, and have {left} left.{more}"));
    }
    console.say(&format!("Signed in at {} as {}.", credentials.url, plain(&credentials.id)))
}

async fn sign_in(
    client: &Client,
    args: &Args,
    password: &Secret<String>,
    console: &mut Console,
) -> Result<Value, Failure> {
    let agent = concat!("doorkey ", env!("CARGO_PKG_VERSION"), " on ").to_owned() + std::env::consts::OS;
    let mut body = json!({ "id": args.id, "password": password.expose(), "agent": agent });
    let with_code = |mut body: Value, code: &str| {
        if let Some(members) = body.as_object_mut() {
            members.insert("code".into(), code.into());
        }
        body
    };
    if let Some(code) = &args.code {
        body = with_code(body, code);
    }
    match client.request(Method::POST, "/sign-in", Some(&body)).await {
        Err(CallError::Refused(refusal)) if refusal.code == "code-needed" && args.code.is_none() => {}
        answered => return Ok(answered?),
    }
    let mut asked = 0;
    loop {
        let code = ask_code(console)?;
        asked += 1;
        match client.request(Method::POST, "/sign-in", Some(&with_code(body.clone(), code.expose()))).await {
            // The password is right: it was only the code.
            Err(CallError::Refused(refusal)) if refusal.code == "wrong-credentials" && asked < TIMES => {
                console.note(&plain(&refusal.detail));
            }
            answered => return Ok(answered?),
        }
    }
}

/// Ends a token that is no longer kept. It ends by itself after a while, so nobody is troubled when this fails.
async fn end(credentials: &Credentials) {
    let token = Secret::new(credentials.token.expose().clone());
    if let Ok(client) = Client::at(&credentials.url, Some(token)) {
        let _ = client.request(Method::DELETE, "/session", None).await;
    }
}

#[cfg(test)]
mod tests;
