//! The whole way: from the link that the server prints to an app that is out again.

use super::{ADA, PASSWORD, Visitor, visitor};
use crate::{
    parts::{Nginx, Radicale, Scripts, change},
    support::{Address, Request, basic},
};

const NEW_PASSWORD: &str = "seven bridges over a violet kettle";

/// What a calendar app is answered, through nginx, by Radicale or by Doorkey.
fn status(front: &Address, password: &str) -> u16 {
    let question = Request::new("PROPFIND", "/").header("Authorization", basic(format!("{ADA}:{password}")));
    front.ask(&question.header("Depth", "0")).status
}

#[test]
fn a_person_lets_an_app_in_and_takes_it_back() {
    let (server, url) = visitor::server();
    let mut ada = Visitor::new(&server, &url, Scripts::Run);

    // The first account, and in again.
    ada.set_up();
    ada.browser.says("Your account is set up");
    ada.sign_out();
    ada.enter_password("not my password");
    ada.browser.says("That ID and password don't match.");
    ada.enter_password(PASSWORD);
    ada.browser.shows("Sign-In and Security");

    // Without a second factor there are no app-specific passwords; the page leads there.
    ada.go_to("App-Specific Passwords");
    ada.browser.press("Turn on two-factor authentication");
    ada.browser.shows("Turn on two-factor authentication");
    ada.read_key();
    ada.browser.fill("code", &ada.wrong_code());
    ada.browser.press("Turn on");
    ada.browser.says("That isn't the code that stands now");
    let key = ada.browser.text_of("#key");
    ada.read_key();
    assert_eq!(ada.browser.text_of("#key"), key, "the key stays the same: it is in the app already");
    ada.browser.fill("code", &ada.code());
    ada.browser.press("Turn on");
    ada.browser.shows("Your recovery codes");
    ada.browser.says("Two-factor authentication is on");
    ada.browser.press("Done");
    ada.browser.shows("App-Specific Passwords");

    // Signing in asks for a code now.
    ada.sign_out();
    ada.enter_password(PASSWORD);
    ada.browser.shows("Enter your code");
    ada.browser.fill("code", &ada.wrong_code());
    ada.browser.press("Sign in");
    ada.browser.says("That isn't the code that stands now");
    ada.enter_code();
    ada.browser.shows("Sign-In and Security");

    // A calendar server, by nothing but what the page says.
    let radicale = Radicale::start();
    let shown = ada.add_service("calendar", "Calendars", "nginx");
    let nginx = Nginx::start(&[change(&shown, "127.0.0.1:5232", &radicale.authority)]);
    let calendar = nginx.address(0);
    assert_eq!(status(&calendar, PASSWORD), 401, "the account's own password opens no door");

    // An app-specific password works at once.
    let password = ada.generate("Calendar on phone", &["Calendars"]);
    ada.browser.press_here("Copy");
    ada.browser.shows("Your password for Calendar on phone");
    assert_eq!(ada.browser.text_of("[data-copied=secret]:not(:empty)"), "Copied.");
    ada.browser.says(&format!("User name\n{ADA}"));
    ada.browser.press("Done");
    ada.browser.says("never used");
    assert_eq!(status(&calendar, &password), 207);

    // The list says who used it. Uses are written down every few seconds, and at the latest by a stop.
    server.restart();
    ada.browser.reload();
    ada.browser.says("1 of 25 in use");
    ada.browser.says("by calendar");
    ada.browser.says("from 127.0.0.1");

    // Revoking asks once, and is done.
    ada.browser.press_named("Revoke Calendar on phone");
    ada.browser.shows("Revoke Calendar on phone?");
    ada.browser.press("Cancel");
    ada.browser.shows("App-Specific Passwords");
    assert_eq!(status(&calendar, &password), 207, "nothing has happened");
    ada.browser.press_named("Revoke Calendar on phone");
    ada.browser.says("will be signed out at once");
    ada.browser.press("Revoke");
    ada.browser.shows("App-Specific Passwords");
    assert_eq!(status(&calendar, &password), 401);
    assert!(ada.browser.text_of(".ended").contains("Calendar on phone\nrevoked"), "{}", ada.browser.page());

    // A new password for the account ends the app-specific ones.
    let second = ada.generate("Calendar on laptop", &["Calendars"]);
    assert_eq!(status(&calendar, &second), 207);
    ada.go_to("Sign-In and Security");
    ada.browser.press("Change password");
    ada.browser.shows("Change your password");
    ada.browser.says("This revokes your app-specific password.");
    ada.browser.fill("current", "not my password");
    ada.browser.fill("password", NEW_PASSWORD);
    ada.browser.press("Change password");
    ada.browser.says("That isn't your current password.");
    ada.browser.fill("current", PASSWORD);
    ada.browser.fill("password", NEW_PASSWORD);
    ada.browser.press("Change password");
    ada.browser.shows("Sign-In and Security");
    ada.browser.says("1 app-specific password is revoked.");
    assert_eq!(status(&calendar, &second), 401);
    ada.sign_out();
    ada.enter_password(NEW_PASSWORD);
    ada.enter_code();
    ada.browser.shows("Sign-In and Security");

    ada.go_to("Activity");
    for told in [
        "You generated “Calendar on phone”, which opens calendars.",
        "You revoked “Calendar on phone”.",
        "“Calendar on laptop” was revoked, because your password was changed.",
    ] {
        ada.browser.says(told);
    }
    assert_eq!(ada.browser.complaints(), [""; 0]);
}

#[test]
fn the_same_is_done_without_scripts() {
    let (server, url) = visitor::server();
    let mut ada = Visitor::new(&server, &url, Scripts::AreOff);
    ada.set_up();
    let hidden = ada.browser.compute("document.querySelector('[data-reveal], [data-copy]')?.hidden ?? true");
    assert_eq!(hidden, true, "scripts are off, or a button would have shown itself");
    ada.go_to("App-Specific Passwords");
    ada.turn_two_factor_on();
    ada.sign_out();
    ada.sign_in();

    let shown = ada.add_service("calendar", "Calendars", "nginx");
    let radicale = Radicale::start();
    let nginx = Nginx::start(&[change(&shown, "127.0.0.1:5232", &radicale.authority)]);
    let password = ada.generate("Calendar on phone", &["Calendars"]);
    assert_eq!(status(&nginx.address(0), &password), 207);
    ada.browser.press("Done");
    ada.browser.press_named("Revoke Calendar on phone");
    ada.browser.press("Revoke");
    ada.browser.shows("App-Specific Passwords");
    ada.browser.says("You have none in use");
    assert_eq!(status(&nginx.address(0), &password), 401);
}
