//! Showing again that it is still the same person: the code from their authenticator app, or their password while
//! two-factor authentication is off.

use axum::http::Method;
use domain::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{CallError, Client};
use super::console::Console;
use super::failure::Failure;
use super::render::read;

/// A request that is sent again after confirming, where the server asks for that.
pub(super) async fn request(
    client: &Client,
    console: &mut Console,
    code: Option<&str>,
    (method, path, body): (Method, &str, &Value),
) -> Result<Value, Failure> {
    match client.request(method.clone(), path, Some(body)).await {
        Err(CallError::Refused(refusal)) if refusal.code == "confirmation-needed" => {}
        answered => return Ok(answered?),
    }
    let proof = proof(client, console, code).await?;
    client.request(Method::POST, "/session/confirm", Some(&proof)).await?;
    Ok(client.request(method, path, Some(body)).await?)
}

async fn proof(client: &Client, console: &mut Console, code: Option<&str>) -> Result<Value, Failure> {
    #[derive(Deserialize)]
    struct Session {
        account: Account,
    }
    #[derive(Deserialize)]
    struct Account {
        two_factor: bool,
    }
    let session: Session = read(&client.request(Method::GET, "/session", None).await?)?;
    if !session.account.two_factor {
        let password = console.ask("Your password: ")?.ok_or_else(|| {
            Failure::Refused(
                "This needs you to confirm that it's you, and there is no terminal to ask for your password on. Sign in \
                 again with doorkey sign-in, then try again."
                    .into(),
            )
        })?;
        return Ok(json!({ "password": password.expose() }));
    }
    match code {
        Some(code) => Ok(json!({ "code": code })),
        None => Ok(json!({ "code": ask_code(console)?.expose() })),
    }
}

/// How often a code is asked for, where somebody sits at the terminal.
pub(super) const TIMES: usize = 3;

/// Asks for the code.
pub(super) fn ask_code(console: &mut Console) -> Result<Secret<String>, Failure> {
    console.ask("Code from your authenticator app, or a recovery code: ")?.ok_or_else(|| {
        Failure::Refused(
            "This needs the code from your authenticator app, and there is no terminal to ask for it on. Add --code with \
             it."
                .into(),
        )
    })
}

#[cfg(test)]
mod tests;
