//! A project's team: invitations, roles, and going.

use serde_json::{Value, json};

use crate::{
    projects::{invite, joins, project, team},
    support::{Person, Server, Sink, race},
};

const ADA: &str = "ada@example.org";
const GRACE: &str = "grace@example.org";
const LINUS: &str = "linus@example.org";
const EVE: &str = "eve@example.org";
const WEEK: i64 = 7 * 86_400;

#[track_caller]
fn link(made: &Value) -> String {
    made["link"].as_str().unwrap().to_owned()
}

fn accept(person: &Person<'_>, link: &str) -> crate::support::Answer {
    person.api.post("/project-invitations/accept", &json!({ "link": link }))
}

#[test]
fn an_invitation_works_once_for_the_account_that_it_names_and_for_nobody_else() {
    let server = Server::start();
    let (ada, grace, eve) = (server.person(ADA), server.person(GRACE), server.person(EVE));
    let id = project(&ada, "Northwind iOS");
    let made = invite(&ada, &id, " GRACE@example.org ", "developer").json(201);
    assert_eq!(
        (&made["invited"], &made["role"], &made["mailed"]),
        (&json!(GRACE), &json!("developer"), &json!(false))
    );
    let (link, token) = (link(&made), link(&made).rsplit('/').next().unwrap().to_owned());
    assert!(link.contains("/project-invitation/"));
    // Whoever else has the link sees nothing, and joins nothing.
    let page = |person: Option<&Person<'_>>| {
        let mut browser = person.map_or_else(|| server.browser(), Person::browser);
        browser.get(&format!("/project-invitation/{token}"))
    };
    let strange = page(None).text(200);
    assert!(strange.contains("Sign in with the ID that was invited"), "{strange}");
    let hers = page(Some(&eve)).text(410);
    for text in [&strange, &hers] {
        assert!(!text.contains("Northwind") && !text.contains("Ada") && !text.contains(GRACE), "{text}");
    }
    let refused = accept(&eve, &link);
    assert_eq!(refused.problem(), "410 link-spent");
    assert_eq!(
        refused.json_problem()["detail"],
        accept(&eve, "nonsense").json_problem()["detail"],
        "one answer for both"
    );
    assert_eq!(
        server.api("").post("/project-invitations/accept", &json!({ "link": link })).problem(),
        "401 sign-in-needed"
    );
    // Looking spends nothing.
    let page = page(Some(&grace)).text(200);
    assert!(page.contains("Join Northwind iOS") && page.contains("Ada Lovelace invites you"), "{page}");
    assert_eq!(accept(&grace, &link).json(200)["role"], "developer");
    assert_eq!(team(&ada, &id), ["ada@example.org owner", "grace@example.org developer"]);
    assert_eq!(accept(&grace, &link).problem(), "410 link-spent");
    assert_eq!(grace.told("member_joined")[0]["sentence"], "You joined Northwind iOS as developer.");
    // The token is nowhere but in the answer.
    let log = server.stop().err;
    assert!(!log.contains(&token), "{log}");
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM project_invitations"), 0);
}

#[test]
fn inviting_never_says_whether_there_is_such_an_account() {
    let server = Server::start();
    let (ada, _grace) = (server.person(ADA), server.person(GRACE));
    server
        .admin()
        .post(&format!("/accounts/{GRACE}/aliases"), &json!({ "alias": "g@example.org" }))
        .with(201);
    let id = project(&ada, "Northwind iOS");
    let shape = |invited: &str| {
        let mut made = invite(&ada, &id, invited, "viewer").json(201);
        for field in ["id", "link", "invited", "created_at", "expires_at"] {
            assert!(made[field].is_string(), "{field}");
            made[field] = Value::Null;
        }
        made
    };
    let all = [GRACE, "g@example.org", "nobody@example.org"].map(shape);
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    let mut browser = ada.browser();
    let page = |browser: &mut crate::support::Browser<'_>, invited: &str| {
        let page =
            browser.submit(&format!("/projects/{id}/team/invite"), &[("id", invited), ("role", "viewer")]);
        let (text, link) = (page.text(200), page.between("id=\"secret\">", "<"));
        text.replace(invited, "X").replace(&link, "LINK")
    };
    let token = |text: String| {
        let form =
            text.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        text.replace(&form, "T")
    };
    server.clock.stand_still();
    let (known, unknown) = (token(page(&mut browser, GRACE)), token(page(&mut browser, "new@example.org")));
    assert_eq!(known, unknown);
    for bad in ["", "no address@", "a@b@c", &"x".repeat(300)] {
        assert_eq!(invite(&ada, &id, bad, "viewer").problem(), "422 unfit id", "{bad}");
    }
    for bad in ["", "owner", "root", "Admin"] {
        assert_eq!(invite(&ada, &id, EVE, bad).problem(), "422 unfit role", "{bad}");
    }
}

#[test]
fn an_alias_is_invited_too_and_somebody_in_the_team_stays_as_they_are() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    server
        .admin()
        .post(&format!("/accounts/{GRACE}/aliases"), &json!({ "alias": "g@example.org" }))
        .with(201);
    let id = project(&ada, "Northwind iOS");
    let first = link(&invite(&ada, &id, "g@example.org", "admin").json(201));
    accept(&grace, &first).with(200);
    assert_eq!(invite(&ada, &id, GRACE, "viewer").problem(), "409 conflict id");
    let again = link(&invite(&ada, &id, "g@example.org", "viewer").json(201));
    assert_eq!(accept(&grace, &again).json(200)["role"], "admin");
    assert_eq!(team(&ada, &id), ["ada@example.org owner", "grace@example.org admin"]);
}

#[test]
fn an_invitation_ends_by_time_by_renewing_by_withdrawing_and_with_whoever_made_it() {
    let server = Server::start();
    let (ada, mut grace, mut linus) = (server.person(ADA), server.person(GRACE), server.person(LINUS));
    let id = project(&ada, "Northwind iOS");
    let invitations = format!("/projects/{id}/invitations");
    let made = invite(&ada, &id, LINUS, "viewer").json(201);
    let renewed = ada
        .api
        .post(&format!("{invitations}/{}/renew", made["id"].as_str().unwrap()), &Value::Null)
        .json(200);
    assert_eq!(accept(&linus, &link(&made)).problem(), "410 link-spent");
    let listed = ada.api.get(&invitations).json(200);
    assert_eq!(listed["invitations"].as_array().unwrap().len(), 1);
    assert_eq!(listed["invitations"][0].get("link"), None, "a link is shown once");
    ada.api.delete(&format!("{invitations}/{}", renewed["id"].as_str().unwrap())).with(204);
    assert_eq!(accept(&linus, &link(&renewed)).problem(), "410 link-spent");
    // By an admin who then loses that, goes, or is suspended.
    joins(&ada, &id, &grace, "admin");
    let member = format!("/projects/{id}/members/{GRACE}");
    let by_grace = |grace: &Person<'_>| link(&invite(grace, &id, LINUS, "admin").json(201));
    let first = by_grace(&grace);
    ada.api.patch(&member, &json!({ "role": "developer" })).with(200);
    assert_eq!(accept(&linus, &first).problem(), "410 link-spent");
    ada.api.patch(&member, &json!({ "role": "admin" })).with(200);
    assert_eq!(accept(&linus, &first).problem(), "410 link-spent", "it doesn't come to life again");
    let second = by_grace(&grace);
    server.admin().post(&format!("/accounts/{GRACE}/suspend"), &Value::Null).with(200);
    assert_eq!(accept(&linus, &second).problem(), "410 link-spent");
    server.admin().post(&format!("/accounts/{GRACE}/resume"), &Value::Null).with(200);
    grace.sign_in();
    let third = by_grace(&grace);
    ada.api.delete(&member).with(204);
    assert_eq!(accept(&linus, &third).problem(), "410 link-spent");
    let last = link(&invite(&ada, &id, LINUS, "viewer").json(201));
    server.clock.move_by(WEEK + 1);
    linus.sign_in();
    assert_eq!(accept(&linus, &last).problem(), "410 link-spent");
    let mut browser = linus.browser();
    assert!(browser.get(&last[last.find("/project-").unwrap()..]).text(410).contains("or no longer"));
}

#[test]
fn there_are_at_most_a_hundred_invitations() {
    let server = Server::start();
    let ada = server.person(ADA);
    let id = project(&ada, "Northwind iOS");
    for n in 0..100 {
        invite(&ada, &id, &format!("p{n}@example.org"), "viewer").with(201);
    }
    assert_eq!(invite(&ada, &id, LINUS, "viewer").problem(), "409 conflict");
    invite(&ada, &id, "p7@example.org", "admin").with(201);
}

#[test]
fn the_owner_is_outside_of_what_admins_do() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "admin");
    let owner = format!("/projects/{id}/members/{ADA}");
    for person in [&ada, &grace] {
        assert_eq!(person.api.patch(&owner, &json!({ "role": "viewer" })).problem(), "409 conflict");
        assert_eq!(person.api.delete(&owner).problem(), "409 conflict");
    }
    let own = format!("/projects/{id}/members/{GRACE}");
    assert_eq!(ada.api.patch(&own, &json!({ "role": "owner" })).problem(), "422 unfit role");
    assert_eq!(grace.api.patch(&own, &json!({ "role": "viewer" })).json(200)["role"], "viewer");
    assert_eq!(grace.api.patch(&own, &json!({ "role": "admin" })).problem(), "403 role-needed");
}

#[test]
fn two_admins_who_take_each_other_out_leave_one() {
    let server = Server::start();
    let ada = server.person(ADA);
    let others = [server.person(GRACE), server.person(LINUS)];
    for round in 0..10 {
        let id = project(&ada, &format!("Project {round}"));
        for other in &others {
            joins(&ada, &id, other, "admin");
        }
        let done =
            race(2, |n| others[n].api.delete(&format!("/projects/{id}/members/{}", others[1 - n].id)).status);
        assert_eq!(done.iter().filter(|status| **status == 204).count(), 1, "{done:?}");
        assert!(done.contains(&404), "who is out finds no project: {done:?}");
        assert_eq!(team(&ada, &id).len(), 2);
    }
}

#[test]
fn handing_over_and_leaving_at_once_leave_an_owner_in_the_team() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    for round in 0..10 {
        let id = project(&ada, &format!("Project {round}"));
        joins(&ada, &id, &grace, "admin");
        let done = race(2, |n| match n {
            0 => {
                ada.api
                    .send("PUT", &format!("/projects/{id}/owner"), Some(&json!({ "account": GRACE })))
                    .status
            }
            _ => grace.api.post(&format!("/projects/{id}/leave"), &Value::Null).status,
        });
        assert_eq!(done.iter().filter(|status| **status == 204).count(), 1, "{done:?}");
        let owner = team(&ada, &id).into_iter().find(|one| one.ends_with(" owner"));
        assert!(owner.is_some(), "{done:?}");
    }
}

#[test]
fn nobody_is_written_to_again_and_again() {
    let sink = Sink::start();
    let settings = sink.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start_with(&settings);
    let ada = server.person(ADA);
    let id = project(&ada, "Northwind iOS");
    let mut made = invite(&ada, &id, "new@example.org", "viewer").json(201);
    let mut mailed = vec![made["mailed"].clone()];
    for _ in 0..6 {
        let invitation = made["id"].as_str().unwrap();
        let path = format!("/projects/{id}/invitations/{invitation}/renew");
        made = ada.api.post(&path, &Value::Null).json(200);
        mailed.push(made["mailed"].clone());
    }
    assert_eq!(mailed, [true, true, true, true, true, false, false]);
    assert!(made["link"].is_string(), "whoever invites can still hand the link on");
}

#[test]
fn an_invitation_is_mailed_to_whom_it_names_and_says_what_to_do_without_an_account() {
    let sink = Sink::start();
    let settings = sink.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start_with(&settings);
    let ada = server.person(ADA);
    let id = project(&ada, "Northwind iOS");
    let made = invite(&ada, &id, "new@example.org", "developer").json(201);
    assert_eq!(made["mailed"], true);
    let mail = sink.mail();
    assert_eq!(mail.to, "RCPT TO:<new@example.org>");
    assert_eq!(mail.header("Subject").unwrap(), "Ada Lovelace invites you to Northwind iOS");
    let text = mail.parts()[0].clone();
    for part in ["as developer", "sign in there as new@example.org", "ask an administrator of"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(mail.link(), link(&made));
}

#[test]
fn pages_invite_join_change_and_take_out() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let id = project(&ada, "Northwind iOS");
    let (mut browser, here) = (ada.browser(), format!("/projects/{id}/team"));
    let bad = browser.submit(&format!("{here}/invite"), &[("id", "x@"), ("role", "admin")]);
    assert!(bad.text(422).contains("id=\"id-error\""));
    let shown = browser.submit(&format!("{here}/invite"), &[("id", GRACE), ("role", "developer")]);
    let link = shown.between("id=\"secret\">", "<");
    let path = link[link.find("/project-invitation/").unwrap()..].to_owned();
    let page = browser.get(&here);
    assert!(page.text(200).contains("New link") && page.text(200).contains("Withdraw"));
    let invitation = page.between("name=\"invitation\" value=\"", "\"");
    let renewed = browser.submit_from(&page, &here, &[("do", "renew"), ("invitation", &invitation)]);
    let link = renewed.between("id=\"secret\">", "<");
    let mut theirs = grace.browser();
    assert_eq!(theirs.get(&path).status(), 410, "the first link has stopped working");
    let path = link[link.find("/project-invitation/").unwrap()..].to_owned();
    assert_eq!(theirs.submit(&path, &[]).goes_to(), format!("/projects/{id}"));
    let page = theirs.get(&here).text(200);
    assert!(
        page.contains("(you)") && !page.contains("/team/invite") && !page.contains("You offer"),
        "{page}"
    );
    assert_eq!(theirs.get(&format!("{here}/invite")).status(), 403);
    let page = browser.get(&here);
    let member = format!("/projects/{id}/team/member/acc_{}", page.between("/team/member/acc_", "\""));
    let changed = browser.submit(&member, &[("role", "admin")]);
    assert_eq!(changed.goes_to(), here);
    assert!(browser.get(&here).text(200).contains("is admin of Northwind iOS now"));
    assert!(theirs.get(&here).text(200).contains("You have connected nothing yet."));
    let out = member.replace("/member/", "/take-out/");
    assert!(browser.get(&out).text(200).contains("Take Ada Lovelace out of Northwind iOS?"));
    assert_eq!(browser.submit(&out, &[]).goes_to(), here);
    assert_eq!(theirs.get(&here).status(), 404);
    assert!(theirs.get("/projects").text(200).contains("No projects yet"));
    assert!(browser.get(&format!("{here}/leave")).status() == 200);
    assert_eq!(browser.submit(&format!("{here}/leave"), &[]).status(), 409);
}
