//! People, for administrators' programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use domain::{AccountId, AccountName, DisplayName, GroupName, Timestamp};
use serde::{Deserialize, Serialize};
use store::{mails::Mail, people::Person};
use utoipa::{IntoParams, ToSchema};

use super::{Asked, Changes, Invitee};
use crate::{
    access::{Admin, Fresh},
    accounts::{
        self, NewAccount, invitations,
        links::{self, Handed},
    },
    app::App,
    ctx::Ctx,
    openapi::words::{AccountState, Time},
    problem::{Code, Problem, of},
    web::json::Json,
};

/// Somebody's account.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub struct Described {
    /// The account's own id, which never changes.
    #[schema(value_type = String)]
    id: AccountId,
    /// Its ID as it signs in, an e-mail address.
    #[schema(value_type = String)]
    name: AccountName,
    /// What its person is called.
    #[schema(value_type = String)]
    display_name: DisplayName,
    /// Other names that sign it in.
    #[schema(value_type = Vec<String>)]
    aliases: Vec<AccountName>,
    /// The groups that it is in, by name.
    #[schema(value_type = Vec<String>)]
    groups: Vec<GroupName>,
    /// Whether it may be used.
    #[schema(value_type = AccountState)]
    state: &'static str,
    /// Whether it administers the server.
    administrator: bool,
    /// Whether two-factor authentication is on.
    two_factor: bool,
    /// How many app-specific passwords work.
    app_passwords: usize,
    /// When it was made.
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// When its person last signed in; null while they never did.
    #[schema(value_type = Option<Time>)]
    last_signed_in_at: Option<Timestamp>,
    /// Until when its one-time link works, of an invitation or for a new password; null when it has none that works. Somebody who
    /// is `invited` then needs a new one.
    #[schema(value_type = Option<Time>)]
    link_expires_at: Option<Timestamp>,
    /// Whether a mail to its person was given up.
    mail_given_up: bool,
    /// Asked about this one account: the mail to its person that the mail server hasn't taken, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    undelivered_mail: Option<UndeliveredMail>,
    /// Made with `totp`: the secret for an authenticator app, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_secret: Option<String>,
    /// Made with `totp`: the same as an `otpauth:` address, for a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    /// Invited: the one-time link with which its person sets the password, this once; left out when it is mailed to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Invited: the address that the link is mailed to, where mail is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailed_to: Option<String>,
    /// Invited: until when the link can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Timestamp>,
}

/// A mail that the mail server hasn't taken.
#[derive(Serialize, ToSchema)]
pub struct UndeliveredMail {
    /// What it is: `invitation` or `reset link`.
    #[schema(example = "invitation")]
    about: String,
    /// Since when it waits.
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// When it was given up; null while it is tried again.
    #[schema(value_type = Option<Time>)]
    given_up_at: Option<Timestamp>,
    /// What stood in the way the last time, in words; null while it hasn't been tried.
    answer: Option<String>,
}

impl From<Mail> for UndeliveredMail {
    fn from(mail: Mail) -> Self {
        let Mail { about, created_at, given_up_at, answer, .. } = mail;
        Self { about, created_at, given_up_at, answer }
    }
}

fn describe(person: Person) -> Described {
    Described {
        id: person.id,
        name: person.name,
        display_name: person.display_name,
        aliases: person.aliases,
        groups: person.groups,
        state: person.state.code(),
        administrator: person.administrator,
        two_factor: person.two_factor_since.is_some(),
        app_passwords: person.app_passwords,
        created_at: person.created_at,
        last_signed_in_at: person.signed_in_at,
        link_expires_at: person.link_expires_at,
        mail_given_up: person.mail_given_up_at.is_some(),
        undelivered_mail: None,
        totp_secret: None,
        uri: None,
        link: None,
        mailed_to: None,
        expires_at: None,
    }
}

/// Some of the accounts.
#[derive(Serialize, ToSchema)]
#[schema(as = Accounts)]
pub struct Listed {
    /// By their IDs; what was looked for, by what it was found by.
    accounts: Vec<Described>,
    /// Give this as `after` to go on; null on the last page.
    next: Option<String>,
}

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only those whose ID, alias, or a word of whose person's name begins with this.
    #[serde(default)]
    q: String,
    /// Only those after this: `next` of the page before.
    #[serde(default)]
    after: String,
    /// How many at most: 1 to 1000; 50, if it is left out.
    limit: Option<usize>,
}

/// Lists accounts, or finds some.
#[utoipa::path(
    get, path = "/api/v1/accounts",
    security(("token" = ["administrator"])),
    params(ListQuery),
    responses((status = 200, description = "A page of them.", body = Listed), of::Unfit, of::Unreadable),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Admin,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Answer<Listed>, Problem> {
    let Query(query) = query.map_err(|_| {
        Problem::new(
            Code::Unreadable,
            "The query couldn't be read. The page /api on this server shows its form.",
        )
    })?;
    let asked = Asked { look_for: query.q, after: query.after, limit: query.limit.unwrap_or(super::PAGE) };
    let page = super::list(&app, &ctx, &admin, asked).await?;
    let accounts = page.people.into_iter().map(describe).collect();
    Ok(Answer(Listed { accounts, next: page.next }))
}

/// Says what somebody's account is.
#[utoipa::path(
    get, path = "/api/v1/accounts/{name}",
    security(("token" = ["administrator"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org")),
    responses((status = 200, description = "The account.", body = Described)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Admin,
    Path(name): Path<String>,
) -> Result<Answer<Described>, Problem> {
    let person = super::get(&app, &ctx, &admin, &name)?;
    let undelivered_mail = super::undelivered(&app, &admin, &person)?.map(Into::into);
    Ok(Answer(Described { undelivered_mail, ..describe(person) }))
}

/// `POST /api/v1/accounts`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = AddAccountRequest,
    example = json!({ "id": "bob@example.org", "name": "Bob", "password": "violet kettle under seven bridges" })
)]
pub struct AddRequest {
    /// Its ID, an e-mail address; without a domain, in the default domain.
    id: String,
    /// What its person is called.
    name: String,
    /// Its password: at least 15 characters, or 8 with `totp`. Left out, its person is invited, and sets it through a link.
    #[serde(default)]
    password: Option<String>,
    /// Whether it administers the server.
    #[serde(default)]
    administrator: bool,
    /// Whether two-factor authentication is on from the first day, with a secret that the answer holds. It needs a password.
    #[serde(default)]
    totp: bool,
    /// Other names that sign it in, for somebody who is invited.
    #[serde(default)]
    aliases: Vec<String>,
    /// The groups that it is in from the first day, for somebody who is invited.
    #[serde(default)]
    groups: Vec<String>,
    /// Whether the answer holds the link also when it is mailed to its person.
    #[serde(default)]
    show_link: bool,
}

/// Makes an account: with its password, or for somebody who is invited to set it.
#[utoipa::path(
    post, path = "/api/v1/accounts",
    security(("token" = ["administrator", "confirmed"])),
    request_body = AddRequest,
    responses(
        (status = 201, description = "It is made.", body = Described),
        of::Unfit, of::Conflict
    ),
)]
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<Described>), Problem> {
    let new = NewAccount::parse(&app, &request.id, &request.name, request.administrator)?;
    let Some(password) = request.password else {
        if request.totp {
            let detail = "Somebody who is invited sets up their own second factor. Leave totp out, or send a password.";
            return Err(Problem::field("totp", detail));
        }
        let [aliases, groups] =
            [&request.aliases, &request.groups].map(|names| names.iter().map(String::as_str));
        let invitee = Invitee::parse(&app, new, aliases, groups)?;
        let (person, handed) = super::invite(&app, &mut ctx, &admin, invitee, request.show_link).await?;
        let LinkAnswer { link, mailed_to, expires_at } = handed.into();
        let expires_at = Some(expires_at);
        let answer = Described { link, mailed_to, expires_at, ..describe(person) };
        return Ok((StatusCode::CREATED, Answer(answer)));
    };
    for (field, names) in [("aliases", &request.aliases), ("groups", &request.groups)] {
        if !names.is_empty() {
            let detail = "This comes with an invitation only. Add it once the account is made.";
            return Err(Problem::field(field, detail));
        }
    }
    let (account, factor) = accounts::add(&app, &mut ctx, &admin, new, &password, request.totp).await?;
    let person = super::get(&app, &ctx, admin.who(), &account.id.to_string())?;
    let (totp_secret, uri) = factor.map(|shown| (shown.manual_key, shown.uri)).unzip();
    Ok((StatusCode::CREATED, Answer(Described { totp_secret, uri, ..describe(person) })))
}

/// `PATCH /api/v1/accounts/{name}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EditAccountRequest, example = json!({ "display_name": "Bob B.", "administrator": false }))]
pub struct EditRequest {
    /// What its person is called from now on. Left out: as before.
    #[serde(default)]
    display_name: Option<String>,
    /// Whether it administers the server from now on. Left out: as before.
    #[serde(default)]
    administrator: Option<bool>,
}

/// Changes what somebody is called, and whether they administer the server.
#[utoipa::path(
    patch, path = "/api/v1/accounts/{name}",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org")),
    request_body = EditRequest,
    responses((status = 200, description = "As it is now.", body = Described), of::Unfit, of::LastAdministrator),
)]
pub async fn edit(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<EditRequest>,
) -> Result<Answer<Described>, Problem> {
    let changes = Changes::parse(request.display_name.as_deref(), request.administrator)?;
    Ok(Answer(describe(super::edit(&app, &ctx, &admin, &name, changes).await?)))
}

/// Removes an account for good, with all that is its own. The log keeps its lines.
#[utoipa::path(
    delete, path = "/api/v1/accounts/{name}",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org")),
    responses((status = 204, description = "It is removed."), of::OwnAccount, of::LastAdministrator),
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    super::remove(&app, &ctx, &admin, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs somebody out in every browser and command line. App-specific passwords and tokens go on working.
#[utoipa::path(
    post, path = "/api/v1/accounts/{name}/sign-out",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org")),
    responses((status = 200, description = "As it is now.", body = Described)),
)]
pub async fn sign_out(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<Answer<Described>, Problem> {
    Ok(Answer(describe(super::sign_out::one(&app, &ctx, &admin, &name).await?)))
}

/// How many were signed out.
#[derive(Serialize, ToSchema)]
pub struct EverybodySignedOut {
    /// In how many browsers and command lines somebody was signed in.
    #[schema(example = 12)]
    signed_out: u64,
}

/// Signs everybody out in every browser and command line, this one too. App-specific passwords and tokens go on working.
#[utoipa::path(
    post, path = "/api/v1/accounts/sign-out",
    security(("token" = ["administrator", "confirmed"])),
    responses((status = 200, description = "How many were.", body = EverybodySignedOut)),
)]
pub async fn sign_everybody_out(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
) -> Result<Answer<EverybodySignedOut>, Problem> {
    Ok(Answer(EverybodySignedOut { signed_out: super::sign_out::everybody(&app, &ctx, &admin).await? }))
}

/// Suspends an account: it is signed out everywhere, and every door refuses its app-specific passwords, which stay.
#[utoipa::path(
    post, path = "/api/v1/accounts/{name}/suspend",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org")),
    responses(
        (status = 200, description = "As it is now.", body = Described),
        of::Conflict, of::OwnAccount, of::LastAdministrator
    ),
)]
pub async fn suspend(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<Answer<Described>, Problem> {
    Ok(Answer(describe(super::suspend(&app, &ctx, &admin, &name).await?)))
}

/// Lets a suspended account be used again, with the app-specific passwords that it has.
#[utoipa::path(
    post, path = "/api/v1/accounts/{name}/resume",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org")),
    responses((status = 200, description = "As it is now.", body = Described), of::Conflict),
)]
pub async fn resume(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<Answer<Described>, Problem> {
    Ok(Answer(describe(super::resume(&app, &ctx, &admin, &name).await?)))
}

/// A one-time link.
#[derive(Serialize, ToSchema)]
pub struct LinkAnswer {
    /// The link, to be handed on to the account's person. It is shown this once; left out when it is mailed to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// The address that it is mailed to, where mail is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mailed_to: Option<String>,
    /// Until when it can be used.
    #[schema(value_type = Time)]
    pub(super) expires_at: Timestamp,
}

impl From<Handed> for LinkAnswer {
    fn from(Handed { link, mailed_to, expires_at }: Handed) -> Self {
        Self { link: link.map(|link| link.expose().clone()), mailed_to, expires_at }
    }
}

/// `POST /api/v1/accounts/{name}/invite-link`: it may have no body.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "show_link": true }))]
pub struct InviteLinkRequest {
    /// Whether the answer holds the link also when it is mailed to its person.
    #[serde(default)]
    show_link: bool,
}

/// Makes a new link for somebody who was invited. Earlier ones stop working.
#[utoipa::path(
    post, path = "/api/v1/accounts/{name}/invite-link",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org")),
    request_body = Option<InviteLinkRequest>,
    responses((status = 201, description = "It is made.", body = LinkAnswer), of::Conflict),
)]
pub async fn invite_link(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<Option<InviteLinkRequest>>,
) -> Result<(StatusCode, Answer<LinkAnswer>), Problem> {
    let show = request.unwrap_or_default().show_link;
    let handed = invitations::link_again(&app, &mut ctx, &admin, &name, show).await?;
    Ok((StatusCode::CREATED, Answer(handed.into())))
}

/// `POST /api/v1/accounts/{name}/reset-link`: it may have no body.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "lost_second_factor": true }))]
pub struct ResetLinkRequest {
    /// Whether the second factor was lost too, and the link turns two-factor authentication off.
    #[serde(default)]
    lost_second_factor: bool,
    /// Whether the answer holds the link also when it is mailed to its person.
    #[serde(default)]
    show_link: bool,
}

/// Makes a link with which an account's person sets a new password. Earlier ones stop working.
#[utoipa::path(
    post, path = "/api/v1/accounts/{name}/reset-link",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "ada@example.org")),
    request_body = Option<ResetLinkRequest>,
    responses((status = 201, description = "It is made.", body = LinkAnswer), of::Conflict),
)]
pub async fn reset_link(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<Option<ResetLinkRequest>>,
) -> Result<(StatusCode, Answer<LinkAnswer>), Problem> {
    let ResetLinkRequest { lost_second_factor, show_link } = request.unwrap_or_default();
    let handed = links::reset_link(&app, &mut ctx, &admin, &name, lost_second_factor, show_link).await?;
    Ok((StatusCode::CREATED, Answer(handed.into())))
}

/// `POST /api/v1/accounts/{name}/aliases`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddAliasRequest, example = json!({ "alias": "robert@example.org" }))]
pub struct AliasRequest {
    /// Another e-mail address; without a domain, in the default domain.
    alias: String,
}

/// Adds another name that signs the account in: at most 20.
#[utoipa::path(
    post, path = "/api/v1/accounts/{name}/aliases",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org")),
    request_body = AliasRequest,
    responses((status = 201, description = "As it is now.", body = Described), of::Unfit, of::Conflict),
)]
pub async fn add_alias(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<AliasRequest>,
) -> Result<(StatusCode, Answer<Described>), Problem> {
    let person = super::add_alias(&app, &ctx, &admin, &name, &request.alias).await?;
    Ok((StatusCode::CREATED, Answer(describe(person))))
}

/// Removes a name that signs the account in, but for its ID.
#[utoipa::path(
    delete, path = "/api/v1/accounts/{name}/aliases/{alias}",
    security(("token" = ["administrator", "confirmed"])),
    params(
        ("name" = String, Path, description = "Its ID, an alias, or its own id.", example = "bob@example.org"),
        ("alias" = String, Path, description = "The alias.", example = "robert@example.org"),
    ),
    responses((status = 200, description = "As it is now.", body = Described), of::Unfit),
)]
pub async fn remove_alias(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path((name, alias)): Path<(String, String)>,
) -> Result<Answer<Described>, Problem> {
    Ok(Answer(describe(super::remove_alias(&app, &ctx, &admin, &name, &alias).await?)))
}
