//! THE list of every HTTP route.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, delete, get, post, put},
};

use crate::{
    accounts,
    app::App,
    app_passwords, doors, events, groups,
    problem::{Code, Problem},
    services, sign_in, web,
};

/// Everything that this server answers.
pub fn router(app: Arc<App>) -> Router {
    let rest = Router::new()
        .merge(api().layer(middleware::from_fn(api_problems)))
        .merge(pages().layer(middleware::from_fn_with_state(Arc::clone(&app), web::problem_page)))
        .route("/static/{name}", get(web::assets::get))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), web::headers::add))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), web::identify));
    // The doors stand alone: an app signs in at each of its requests, and nothing but the answer is paid for.
    let doors = Router::new().route("/door/http/{service}", any(doors::http::ask));
    doors.merge(rest).with_state(app)
}

fn pages() -> Router<Arc<App>> {
    use accounts::{link_pages as link, pages as account};
    use app_passwords::{generate_pages as generate, pages as app_password};
    use services::pages as service;
    use sign_in::pages as sign_in;

    Router::new()
        .route("/", get(account::home))
        .route("/setup/{token}", get(link::set_up).post(link::post_set_up))
        .route("/reset/{token}", get(link::reset).post(link::post_reset))
        .route("/sign-in", get(sign_in::sign_in).post(sign_in::post_sign_in))
        .route("/sign-in/code", get(sign_in::code).post(sign_in::post_code))
        .route("/sign-in/confirm", get(sign_in::confirm).post(sign_in::post_confirm))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/security", get(account::security))
        .route("/security/password", get(account::password).post(account::post_password))
        .route("/security/two-factor", get(account::two_factor_on).post(account::post_two_factor_on))
        .route("/security/two-factor/off", get(account::two_factor_off).post(account::post_two_factor_off))
        .route("/security/sign-out-others", post(sign_in::sign_out_others))
        .route("/app-passwords", get(app_password::list))
        .route("/app-passwords/generate", get(generate::generate).post(generate::post_generate))
        .route("/app-passwords/revoke-all", get(app_password::revoke_all).post(app_password::post_revoke_all))
        .route("/app-passwords/{id}/revoke", get(app_password::revoke).post(app_password::post_revoke))
        .route("/activity", get(events::pages::activity))
        .route("/services", get(service::list))
        .route("/services/add", get(service::add).post(service::post_add))
        .route("/services/at/{name}", get(service::service))
        .route("/services/at/{name}/new-key", get(service::new_key).post(service::post_new_key))
        .route("/services/at/{name}/remove", get(service::remove).post(service::post_remove))
        .fallback(Problem::not_found_route)
}

fn api() -> Router<Arc<App>> {
    use accounts::api as account;
    use app_passwords::api as app_password;
    use groups::api as group;
    use services::api as service;
    use sign_in::api as sign_in;

    Router::new()
        .route("/api/v1/sign-in", post(sign_in::sign_in))
        .route("/api/v1/session", get(sign_in::session).delete(sign_in::sign_out))
        .route("/api/v1/session/confirm", post(sign_in::confirm))
        .route("/api/v1/session/sign-out-others", post(sign_in::sign_out_others))
        .route("/api/v1/account/password", post(account::change_password))
        .route("/api/v1/account/two-factor", post(account::two_factor_begin))
        .route("/api/v1/account/two-factor/confirm", post(account::two_factor_confirm))
        .route("/api/v1/account/two-factor/turn-off", post(account::two_factor_off))
        .route(
            "/api/v1/app-passwords",
            get(app_password::list).post(app_password::generate).delete(app_password::revoke_all),
        )
        .route("/api/v1/app-passwords/{id}", delete(app_password::revoke))
        .route("/api/v1/activity", get(events::api::activity))
        .route("/api/v1/services", get(service::list).post(service::add))
        .route("/api/v1/services/{name}", delete(service::remove))
        .route("/api/v1/services/{name}/key", post(service::new_key))
        .route("/api/v1/groups", get(group::list).post(group::add))
        .route("/api/v1/groups/{name}", get(group::get).delete(group::remove))
        .route("/api/v1/groups/{name}/members", get(group::members))
        .route("/api/v1/groups/{name}/members/{account}", put(group::join).delete(group::leave))
        .route("/api/v1/accounts", post(account::add))
        .route("/api/v1/accounts/{name}/reset-link", post(account::reset_link))
        .route("/api/{*rest}", any(Problem::not_found_route))
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
            "This address doesn't take this method. See docs/api.md for those it takes.",
        )
        .into_response(),
        _ => Problem::new(Code::Unreadable, "The address couldn't be read. See docs/api.md for its form.")
            .into_response(),
    }
}
