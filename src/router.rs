//! THE list of every HTTP route.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, delete, get, patch, post, put},
};

use crate::{
    access, accounts,
    app::App,
    app_passwords, backup, browsers, builds, check, connections, doctor, doors, events, groups, hand_outs,
    health, key, mail, openapi, people,
    problem::{Code, Problem},
    projects, services, sessions, set_up, settings, sign_in, sign_out, tokens, trials, web,
};

/// Everything that this server answers.
pub fn router(app: Arc<App>) -> Router {
    let made = Arc::new(openapi::pages::Made::new(app.config.http.public_url.as_str()));
    let rest = Router::new()
        .merge(
            api()
                .layer(middleware::from_fn_with_state(Arc::clone(&app), access::admit))
                .merge(machine())
                .layer(middleware::from_fn(api_problems)),
        )
        .merge(description().layer(Extension(made)))
        .merge(pages().layer(middleware::from_fn_with_state(Arc::clone(&app), web::problem_page)))
        .route("/static/{name}", get(web::assets::get))
        .route(sign_out::signing::KEYS, get(sign_out::signing::keys))
        .route("/.well-known/ssf-configuration", get(sign_out::signing::configuration))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), web::in_flight::track))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), web::headers::add))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), web::identify));
    // The doors stand alone: an app signs in at each of its requests, and nothing but the answer is paid for.
    let doors = Router::new()
        .route("/door/http/{service}", any(doors::http::ask))
        .route("/door/nginx-mail/{service}", get(doors::nginx_mail::ask));
    // What watches the server asks every few seconds, and leaves no line in the log.
    let health = health::router().merge(doctor::probe::router());
    let health = health.layer(middleware::from_fn_with_state(Arc::clone(&app), web::headers::add));
    // Apps ask for it, and nobody is signed in.
    let found = set_up::found::router();
    let found = found.layer(middleware::from_fn_with_state(Arc::clone(&app), web::headers::add));
    doors.merge(hand_outs::steps::router()).merge(health).merge(found).merge(rest).with_state(app)
}

fn pages() -> Router<Arc<App>> {
    use accounts::{link_pages as link, pages as account, recovery_code_pages as recovery_code};
    use app_passwords::{generate_pages as generate, pages as app_password};
    use builds::{integrations as integration, issuer_pages as issuer, pages as build};
    use connections::pages as connection;
    use groups::pages as group;
    use people::pages as person;
    use projects::{invitation_pages, pages as project, team_pages as team};
    use services::pages as service;
    use sign_in::pages as sign_in;
    use trials::pages as trial;

    Router::new()
        .route("/", get(account::home))
        .route("/setup/{token}", get(link::set_up).post(link::post_set_up))
        .route("/invitation/{token}", get(link::invitation).post(link::post_invitation))
        .route("/project-invitation/{token}", get(invitation_pages::join).post(invitation_pages::post_join))
        .route("/reset/{token}", get(link::reset).post(link::post_reset))
        .route("/sign-in", get(sign_in::sign_in).post(sign_in::post_sign_in))
        .route("/sign-in/code", get(sign_in::code).post(sign_in::post_code))
        .route("/sign-in/confirm", get(sign_in::confirm).post(sign_in::post_confirm))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/security", get(account::security))
        .route("/security/password", get(account::password).post(account::post_password))
        .route("/security/two-factor", get(account::two_factor_on).post(account::post_two_factor_on))
        .route("/security/two-factor/off", get(account::two_factor_off).post(account::post_two_factor_off))
        .route("/security/two-factor/move", get(account::two_factor_move).post(account::post_two_factor_move))
        .route("/security/recovery-codes", get(recovery_code::renew).post(recovery_code::post_renew))
        .route("/security/sessions/{id}/sign-out", post(sessions::pages::sign_out))
        .route("/security/sign-out-others", post(sessions::pages::sign_out_others))
        .route("/security/browsers/{id}/forget", post(browsers::pages::forget))
        .route("/security/browsers/forget-all", post(browsers::pages::forget_all))
        .route("/tokens", get(tokens::pages::list))
        .route("/tokens/make", get(tokens::pages::make).post(tokens::pages::post_make))
        .route("/tokens/{id}/revoke", post(tokens::pages::revoke))
        .route("/app-passwords", get(app_password::list))
        .route("/app-passwords/generate", get(generate::generate).post(generate::post_generate))
        .route("/app-passwords/profile", post(generate::post_profile))
        .route("/app-passwords/revoke-all", get(app_password::revoke_all).post(app_password::post_revoke_all))
        .route("/app-passwords/{id}/revoke", get(app_password::revoke).post(app_password::post_revoke))
        .route("/activity", get(events::pages::activity))
        .route("/events", get(events::pages::events))
        .route("/events/export", get(events::pages::export))
        .route("/groups", get(group::list))
        .route("/groups/add", get(group::add).post(group::post_add))
        .route("/groups/at/{name}", get(group::group).post(group::post_join))
        .route("/groups/at/{name}/leave/{account}", get(group::leave).post(group::post_leave))
        .route("/groups/at/{name}/remove", get(group::remove).post(group::post_remove))
        .route("/people", get(person::list))
        .route("/people/import", get(person::import).post(person::post_import))
        .route("/people/invite", get(person::invite).post(person::post_invite))
        .route("/people/at/{who}", get(person::person).post(person::post_person))
        .route("/people/at/{who}/invite-link", get(person::invite_link).post(person::post_invite_link))
        .route("/people/at/{who}/reset-link", get(person::reset_link).post(person::post_reset_link))
        .route("/people/at/{who}/administrator", get(person::administrator).post(person::post_administrator))
        .route("/people/sign-out", get(person::sign_everybody_out).post(person::post_sign_everybody_out))
        .route("/people/at/{who}/sign-out", get(person::sign_out).post(person::post_sign_out))
        .route("/people/at/{who}/suspend", get(person::suspend).post(person::post_suspend))
        .route("/people/at/{who}/remove", get(person::remove).post(person::post_remove))
        .route("/connections", get(connection::list))
        .route("/connections/add", get(connection::add).post(connection::post_add))
        .route("/connections/{id}", get(connection::connection))
        .route("/connections/{id}/test", post(connection::post_test))
        .route("/connections/{id}/offer", post(connection::post_offer))
        .route("/connections/{id}/take-back", post(connection::post_take_back))
        .route("/connections/{id}/remove", get(connection::remove).post(connection::post_remove))
        .route("/connections/{id}/reach", get(connection::reach))
        .route("/projects", get(project::list))
        .route("/projects/add", get(project::add).post(project::post_add))
        .route("/projects/{id}", get(build::list))
        .route("/projects/all", get(project::all))
        .route("/projects/all/{id}/owner", get(project::name_owner).post(project::post_name_owner))
        .route("/projects/{id}/settings", get(project::settings).post(project::post_settings))
        .route("/projects/{id}/hand-over", get(project::hand_over).post(project::post_hand_over))
        .route("/projects/{id}/remove", get(project::remove).post(project::post_remove))
        .route("/projects/{id}/team", get(team::team).post(team::post_team))
        .route("/projects/{id}/team/invite", get(team::invite).post(team::post_invite))
        .route("/projects/{id}/team/leave", get(team::leave).post(team::post_leave))
        .route("/projects/{id}/team/member/{account}", get(team::one).post(team::post_one))
        .route("/projects/{id}/team/take-out/{account}", get(team::take_out).post(team::post_take_out))
        .route("/projects/{id}/team/take-back/{connection}", get(team::take_back).post(team::post_take_back))
        .route("/projects/{id}/integrations", get(integration::integrations))
        .route(
            "/projects/{id}/integrations/rules/add",
            get(integration::add_rule).post(integration::post_add_rule),
        )
        .route(
            "/projects/{id}/integrations/rules/{rule}/remove",
            get(integration::remove_rule).post(integration::post_remove_rule),
        )
        .route("/projects/{id}/integrations/try", get(integration::try_rules).post(integration::post_try))
        .route(
            "/projects/{id}/integrations/tokens/make",
            get(integration::make_token).post(integration::post_make_token),
        )
        .route("/projects/{id}/integrations/tokens/{token}/revoke", post(integration::revoke_token))
        .route("/builds/{id}", get(build::build))
        .route("/builds/{id}/close", post(build::post_close))
        .route("/issuers", get(issuer::list))
        .route("/issuers/add", get(issuer::add).post(issuer::post_add))
        .route("/issuers/{id}/remove", get(issuer::remove).post(issuer::post_remove))
        .route("/services", get(service::list))
        .route("/services/add", get(service::add).post(service::post_add))
        .route("/services/at/{name}", get(service::service))
        .route("/services/at/{name}/change", get(service::change).post(service::post_change))
        .route("/services/at/{name}/set-up", get(set_up::pages::change).post(set_up::pages::post_change))
        .route("/services/at/{name}/test", get(trial::begin).post(trial::post_begin))
        .route("/services/at/{name}/test/{id}", get(trial::seen))
        .route("/services/at/{name}/test/{id}/end", post(trial::post_end))
        .route("/services/at/{name}/sign-out", get(sign_out::pages::set).post(sign_out::pages::post_set))
        .route("/services/at/{name}/new-key", get(service::new_key).post(service::post_new_key))
        .route("/services/at/{name}/remove", get(service::remove).post(service::post_remove))
        .route("/settings", get(settings::pages::settings).post(settings::pages::post_settings))
        .fallback(Problem::not_found_route)
}

/// What is asked by the commands of this machine, through the socket in the data folder; to everybody else there is nothing here.
fn machine() -> Router<Arc<App>> {
    Router::new()
        .route("/machine/backup", get(backup::api::take))
        .route(web::in_flight::WAITS, post(key::api::rotate_key))
        .route("/machine/check", get(check::api::run))
        .route("/machine/doctor", get(doctor::api::of_server))
}

/// The routes of the API. Each line is served, and stands in the OpenAPI document as its handler's `#[utoipa::path]` describes it.
macro_rules! api {
    ($($method:ident $path:literal $($handler:ident)::+;)+) => {
        fn api() -> Router<Arc<App>> {
            Router::new()
                $(.route($path, $method($($handler)::+)))+
                .route("/api/{*rest}", any(Problem::not_found_route))
        }

        /// What the handlers say of themselves.
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($handler)::+),+))]
        pub struct Operations;

        /// Method and path of each route of the API.
        #[cfg(test)]
        pub const API: &[(&str, &str)] = &[$((stringify!($method), $path)),+];
    };
}

api! {
    post   "/api/v1/sign-in"                         sign_in::api::sign_in;
    get    "/api/v1/session"                         sign_in::api::session;
    delete "/api/v1/session"                         sign_in::api::sign_out;
    post   "/api/v1/session/confirm"                 sign_in::api::confirm;
    get    "/api/v1/sessions"                        sessions::api::list;
    delete "/api/v1/sessions"                        sessions::api::sign_out_others;
    delete "/api/v1/sessions/{id}"                   sessions::api::sign_out;
    get    "/api/v1/tokens"                          tokens::api::list;
    post   "/api/v1/tokens"                          tokens::api::make;
    delete "/api/v1/tokens/{id}"                     tokens::api::revoke;
    get    "/api/v1/browsers"                        browsers::api::list;
    delete "/api/v1/browsers"                        browsers::api::forget_all;
    delete "/api/v1/browsers/{id}"                   browsers::api::forget;
    post   "/api/v1/account/password"                accounts::api::change_password;
    post   "/api/v1/account/two-factor"              accounts::api::two_factor_begin;
    post   "/api/v1/account/two-factor/confirm"      accounts::api::two_factor_confirm;
    post   "/api/v1/account/two-factor/move"         accounts::api::two_factor_move;
    post   "/api/v1/account/two-factor/move/confirm" accounts::api::two_factor_move_confirm;
    post   "/api/v1/account/two-factor/turn-off"     accounts::api::two_factor_off;
    get    "/api/v1/account/recovery-codes"          accounts::api::recovery_codes;
    post   "/api/v1/account/recovery-codes"          accounts::api::recovery_codes_renew;
    get    "/api/v1/app-passwords"                   app_passwords::api::list;
    post   "/api/v1/app-passwords"                   app_passwords::api::generate;
    delete "/api/v1/app-passwords"                   app_passwords::api::revoke_all;
    post   "/api/v1/app-passwords/profile"           app_passwords::api::profile;
    delete "/api/v1/app-passwords/{id}"              app_passwords::api::revoke;
    get    "/api/v1/connections"                     connections::api::list;
    post   "/api/v1/connections"                     connections::api::add;
    get    "/api/v1/connections/{id}"                connections::api::get;
    delete "/api/v1/connections/{id}"                connections::api::remove;
    post   "/api/v1/connections/{id}/test"           connections::api::test;
    get    "/api/v1/connections/{id}/readers"        connections::api::readers;
    get    "/api/v1/connections/{id}/reach"          connections::api::reach;
    get    "/api/v1/activity"                        events::api::activity;
    get    "/api/v1/events"                          events::api::events;
    get    "/api/v1/events/export"                   events::api::export;
    get    "/api/v1/services"                        services::api::list;
    post   "/api/v1/services"                        services::api::add;
    patch  "/api/v1/services/{name}"                 services::api::change;
    delete "/api/v1/services/{name}"                 services::api::remove;
    post   "/api/v1/services/{name}/key"             services::api::new_key;
    get    "/api/v1/services/{name}/configuration"   services::configuration::api::get;
    get    "/api/v1/services/{name}/set-up"          set_up::api::get;
    put    "/api/v1/services/{name}/set-up"          set_up::api::change;
    post   "/api/v1/services/{name}/test"            trials::api::begin;
    get    "/api/v1/services/{name}/test/{id}"       trials::api::look;
    get    "/api/v1/services/{name}/sign-out"        sign_out::api::get;
    put    "/api/v1/services/{name}/sign-out"        sign_out::api::set;
    delete "/api/v1/services/{name}/sign-out"        sign_out::api::unset;
    get    "/api/v1/groups"                          groups::api::list;
    post   "/api/v1/groups"                          groups::api::add;
    get    "/api/v1/groups/{name}"                   groups::api::get;
    delete "/api/v1/groups/{name}"                   groups::api::remove;
    get    "/api/v1/groups/{name}/members"           groups::api::members;
    put    "/api/v1/groups/{name}/members/{account}" groups::api::join;
    delete "/api/v1/groups/{name}/members/{account}" groups::api::leave;
    get    "/api/v1/accounts"                        people::api::list;
    post   "/api/v1/accounts"                        people::api::add;
    post   "/api/v1/accounts/import"                 people::import_api::import;
    get    "/api/v1/accounts/{name}"                 people::api::get;
    patch  "/api/v1/accounts/{name}"                 people::api::edit;
    delete "/api/v1/accounts/{name}"                 people::api::remove;
    post   "/api/v1/accounts/sign-out"               people::api::sign_everybody_out;
    post   "/api/v1/accounts/{name}/sign-out"        people::api::sign_out;
    post   "/api/v1/accounts/{name}/suspend"         people::api::suspend;
    post   "/api/v1/accounts/{name}/resume"          people::api::resume;
    post   "/api/v1/accounts/{name}/invite-link"     people::api::invite_link;
    post   "/api/v1/accounts/{name}/reset-link"      people::api::reset_link;
    post   "/api/v1/accounts/{name}/aliases"         people::api::add_alias;
    delete "/api/v1/accounts/{name}/aliases/{alias}" people::api::remove_alias;
    post   "/api/v1/build/credentials"               hand_outs::api::credentials;
    post   "/api/v1/build/app-store-connect-token"   hand_outs::api::app_store_connect_token;
    get    "/api/v1/projects"                        projects::api::list;
    post   "/api/v1/projects"                        projects::api::add;
    get    "/api/v1/projects/{project}"              projects::api::get;
    patch  "/api/v1/projects/{project}"              projects::api::change;
    delete "/api/v1/projects/{project}"              projects::api::remove;
    put    "/api/v1/projects/{project}/owner"        projects::api::hand_over;
    post   "/api/v1/projects/{project}/leave"        projects::api::leave;
    get    "/api/v1/projects/{project}/members"      projects::api::members;
    patch  "/api/v1/projects/{project}/members/{account}" projects::api::set_role;
    delete "/api/v1/projects/{project}/members/{account}" projects::api::take_out;
    get    "/api/v1/projects/{project}/invitations"  projects::api::list_invitations;
    post   "/api/v1/projects/{project}/invitations"  projects::api::invite;
    delete "/api/v1/projects/{project}/invitations/{invitation}" projects::api::withdraw;
    post   "/api/v1/projects/{project}/invitations/{invitation}/renew" projects::api::renew;
    post   "/api/v1/project-invitations/accept"      projects::api::accept;
    get    "/api/v1/projects/{project}/connections"  projects::api::list_connections;
    put    "/api/v1/projects/{project}/connections/{kind}" projects::api::choose;
    put    "/api/v1/projects/{project}/offers/{connection}" projects::api::offer;
    delete "/api/v1/projects/{project}/offers/{connection}" projects::api::take_back;
    get    "/api/v1/server/projects"                 projects::api::server_list;
    put    "/api/v1/server/projects/{project}/owner" projects::api::name_owner;
    get    "/api/v1/issuers"                         builds::integrations_api::list_issuers;
    post   "/api/v1/issuers"                         builds::integrations_api::add_issuer;
    delete "/api/v1/issuers/{id}"                    builds::integrations_api::remove_issuer;
    get    "/api/v1/projects/{project}/rules"        builds::integrations_api::list_rules;
    post   "/api/v1/projects/{project}/rules"        builds::integrations_api::add_rule;
    post   "/api/v1/projects/{project}/rules/try"    builds::integrations_api::try_rules;
    delete "/api/v1/projects/{project}/rules/{id}"   builds::integrations_api::remove_rule;
    get    "/api/v1/projects/{project}/tokens"       builds::integrations_api::list_tokens;
    post   "/api/v1/projects/{project}/tokens"       builds::integrations_api::make_token;
    delete "/api/v1/projects/{project}/tokens/{id}"  builds::integrations_api::revoke_token;
    get    "/api/v1/projects/{project}/builds"       builds::api::list;
    post   "/api/v1/builds"                          builds::api::open;
    get    "/api/v1/builds/{id}"                     builds::api::get;
    post   "/api/v1/builds/{id}/close"               builds::api::close;
    get    "/api/v1/build"                           builds::api::own;
    delete "/api/v1/build"                           builds::api::close_own;
    post   "/api/v1/mail/test"                       mail::api::test;
    get    "/api/v1/settings"                        settings::api::get;
    get    "/api/v1/settings/checks"                 settings::api::checks;
}

/// What the API says of itself, to everybody.
fn description() -> Router<Arc<App>> {
    Router::new()
        .route("/api", get(openapi::pages::api_page))
        .route("/api/openapi.json", get(openapi::pages::document))
        .route("/api/problems", get(openapi::pages::problems_page))
}

/// What the framework itself refuses is answered as a problem document too.
async fn api_problems(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.status().is_success() || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            Code::MethodNotAllowed,
            "This address doesn't take this method. The page /api on this server lists those it takes.",
        )
        .into_response(),
        _ => Problem::new(
            Code::Unreadable,
            "The address couldn't be read. The page /api on this server shows its form.",
        )
        .into_response(),
    }
}
