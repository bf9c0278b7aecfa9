//! With the keyboard alone.

use thirtyfour::Key;

use super::{ADA, PASSWORD, Visitor, visitor};
use crate::parts::Scripts;

/// What has the focus: its id, or its words.
fn focus(ada: &Visitor<'_>) -> String {
    let what = "(e => e.id || e.name || e.textContent.trim())(document.activeElement)";
    // What has it must show that it has.
    let outline = ada.browser.compute("getComputedStyle(document.activeElement).outlineStyle");
    let focus = ada.browser.compute(what).as_str().unwrap().to_owned();
    assert_ne!(outline, "none", "the focus can't be seen on {focus}");
    focus
}

/// The first field waits: the browser gives it the focus when it first draws the page.
fn starts_at(ada: &Visitor<'_>, id: &str) {
    ada.browser.until(&format!("document.activeElement.id === {id:?}"));
    assert_eq!(focus(ada), id);
}

fn tab_to(ada: &Visitor<'_>, next: &str) {
    ada.browser.type_key(Key::Tab);
    assert_eq!(focus(ada), next);
}

#[test]
fn signing_in_needs_no_mouse() {
    let (server, url) = visitor::server();
    let mut ada = Visitor::new(&server, &url, Scripts::Run);
    ada.set_up();
    ada.turn_two_factor_on();
    ada.sign_out();

    // A wrong password first: what was said is found by whoever doesn't see it, and the focus is where it goes on.
    ada.open("/sign-in");
    starts_at(&ada, "id");
    ada.browser.type_keys(ADA);
    tab_to(&ada, "password");
    ada.browser.type_keys("not my password");
    ada.browser.leave(|| ada.browser.type_key(Key::Enter));
    assert_eq!(
        ada.browser.text_of("[role=alert]"),
        "That ID and password don't match. Check both, and try again."
    );
    assert_eq!(ada.browser.compute("document.getElementById('id').value"), ADA, "it need not be typed again");

    ada.open("/sign-in");
    starts_at(&ada, "id");
    ada.browser.type_keys(ADA);
    tab_to(&ada, "password");
    ada.browser.type_keys(PASSWORD);
    tab_to(&ada, "Show");
    tab_to(&ada, "Sign in");
    ada.browser.leave(|| ada.browser.type_key(Key::Enter));

    ada.browser.shows("Enter your code");
    starts_at(&ada, "code");
    // As it is copied out of an app: with a space in it.
    let code = ada.code();
    ada.browser.type_keys(&format!("{} {}", &code[..3], &code[3..]));
    tab_to(&ada, "trust");
    ada.browser.type_keys(" ");
    assert_eq!(ada.browser.compute("document.activeElement.checked"), true);
    tab_to(&ada, "Sign in");
    ada.browser.leave(|| ada.browser.type_key(Key::Enter));
    ada.browser.shows("Sign-In and Security");

    // Past the menus to what the page is about.
    ada.open("/security");
    tab_to(&ada, "Skip to the content");
    ada.browser.type_key(Key::Enter);
    assert_eq!(ada.browser.compute("document.activeElement.id"), "main");
}
