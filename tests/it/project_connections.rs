//! Which connections a project's builds use: offered by their people, chosen by admins, and no longer used the moment that one of the two
//! ends.

use serde_json::{Value, json};

use crate::{
    projects::{joins, project},
    support::{Answer, Building, Made, Person, Server, Sink, race, until},
};

const ADA: &str = "ada@example.org";
const GRACE: &str = "grace@example.org";
const LINUS: &str = "linus@example.org";

/// Puts API keys into the data, as if these people had connected them: whose, and what each is called.
fn connect(server: &Server, keys: &[(&str, &str)]) -> Vec<String> {
    let of = |id: &str| {
        server.admin().get(&format!("/accounts/{id}")).json(200)["id"].as_str().unwrap().to_owned()
    };
    let accounts: Vec<_> = keys.iter().map(|(id, _)| of(id)).collect();
    server.stop();
    let mut made = Vec::new();
    for (n, ((_, name), account)) in keys.iter().zip(&accounts).enumerate() {
        let id = format!("con_0196a3b2c4d57e6f8091a2b3c4d5{:04x}", n + 1);
        server.change_data(&format!(
            "INSERT INTO connections (id, account_id, kind, name, state, created_at, checked_at)
                VALUES ('{id}', '{account}', 'api_key', '{name}', 'good', {n}, 0)"
        ));
        made.push(id);
    }
    server.start_again();
    made
}

fn offer(person: &Person<'_>, project: &str, connection: &str) -> Answer {
    person.api.put(&format!("/projects/{project}/offers/{connection}"))
}

fn take_back(person: &Person<'_>, project: &str, connection: &str) -> Answer {
    person.api.delete(&format!("/projects/{project}/offers/{connection}"))
}

fn choose(person: &Person<'_>, project: &str, connection: Option<&str>) -> Answer {
    let body = json!({ "connection": connection });
    person.api.send("PUT", &format!("/projects/{project}/connections/api_key"), Some(&body))
}

/// What is said of API keys.
#[track_caller]
fn api_keys(person: &Person<'_>, project: &str) -> Value {
    let answer = person.api.get(&format!("/projects/{project}/connections")).json(200);
    answer["kinds"].as_array().unwrap().iter().find(|of| of["kind"] == "api_key").unwrap().clone()
}

#[test]
fn what_is_offered_can_be_chosen_and_what_is_not_is_never_named() {
    let server = Server::start();
    let (ada, grace, linus) = (server.person(ADA), server.person(GRACE), server.person(LINUS));
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "admin");
    joins(&ada, &id, &linus, "developer");
    let keys = connect(&server, &[(ADA, "AuthKey_ADA"), (GRACE, "AuthKey_GRACE"), (LINUS, "AuthKey_LINUS")]);
    for reader in [&ada, &grace, &linus] {
        let text = reader.api.get(&format!("/projects/{id}/connections")).text();
        for (owner, name) in [(ADA, "AuthKey_ADA"), (GRACE, "AuthKey_GRACE"), (LINUS, "AuthKey_LINUS")] {
            assert_eq!(text.contains(name), reader.id == owner, "{} reads {text}", reader.id);
        }
    }
    let people = api_keys(&linus, &id)["people"].as_array().unwrap().clone();
    assert_eq!(people.len(), 2, "the owner and the admin: {people:?}");
    assert!(people.iter().all(|one| one["keeps_some"] == true && one["offered"] == json!([])));
    assert_eq!(choose(&ada, &id, Some(&keys[1])).problem(), "409 conflict connection");
    assert_eq!(offer(&ada, &id, &keys[1]).problem(), "404 not-found connection", "it is Grace's to offer");
    for _ in 0..2 {
        offer(&grace, &id, &keys[1]).with(204);
        choose(&ada, &id, Some(&keys[1])).with(204);
    }
    assert_eq!(grace.told("connection_offered").len(), 1);
    let told = grace.told("connection_chosen");
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0]["sentence"],
        "An admin of the project set that builds of Northwind iOS use AuthKey_GRACE."
    );
    let keys_of = api_keys(&linus, &id);
    assert_eq!((&keys_of["in_use"], &keys_of["unused"]), (&json!(keys[1]), &Value::Null));
    assert_eq!(
        keys_of["people"][1]["offered"],
        json!([{ "id": keys[1], "name": "AuthKey_GRACE", "state": "good" }])
    );
    let mut browser = linus.browser();
    let page = browser.get(&format!("/projects/{id}/team")).text(200);
    assert!(
        page.contains("AuthKey_GRACE") && !page.contains("AuthKey_ADA") && !page.contains("type=\"radio\""),
        "{page}"
    );
    choose(&grace, &id, None).with(204);
    assert_eq!(api_keys(&ada, &id)["in_use"], Value::Null);
    for bad in ["nonsense", "con_0196a3b2c4d57e6f8091a2b3c4d5ffff", ""] {
        assert_eq!(choose(&ada, &id, Some(bad)).problem(), "409 conflict connection", "{bad}");
    }
    let other = ada.api.send(
        "PUT",
        &format!("/projects/{id}/connections/password"),
        Some(&json!({ "connection": null })),
    );
    assert_eq!(other.problem(), "404 not-found");
    let apple = ada.api.send(
        "PUT",
        &format!("/projects/{id}/connections/apple_id"),
        Some(&json!({ "connection": keys[1] })),
    );
    assert_eq!(apple.problem(), "409 conflict connection", "it is of another kind");
}

/// How somebody's connection stops being used, what the API says of it, and what the page does.
#[test]
fn whoever_goes_takes_their_connection_along_and_the_page_says_what_to_do() {
    let server = Server::start();
    let (ada, mut grace) = (server.person(ADA), server.person(GRACE));
    let id = project(&ada, "Northwind iOS");
    let other = project(&ada, "Other");
    let member = format!("/projects/{id}/members/{GRACE}");
    for project in [&id, &other] {
        joins(&ada, project, &grace, "admin");
    }
    let keys = connect(&server, &[(ADA, "AuthKey_ADA"), (GRACE, "AuthKey_GRACE")]);
    let in_use = |grace: &Person<'_>| {
        for project in [&id, &other] {
            offer(grace, project, &keys[1]).with(204);
            choose(&ada, project, Some(&keys[1])).with(204);
        }
    };
    let mut browser = ada.browser();
    let mut unused = |why: &str, words: &str| {
        let said = api_keys(&ada, &id);
        assert_eq!(said["in_use"], Value::Null, "{why}");
        assert_eq!((&said["unused"]["why"], &said["unused"]["name"]), (&json!(why), &json!("AuthKey_GRACE")));
        let page = browser.get(&format!("/projects/{id}/team")).text(200);
        let expected = format!(
            "Builds of Northwind iOS no longer use Ada Lovelace’s AuthKey_GRACE: Ada Lovelace{words}"
        );
        assert!(page.contains(&expected) && page.contains("Offer and use AuthKey_ADA"), "{expected}: {page}");
    };
    in_use(&grace);
    take_back(&grace, &id, &keys[1]).with(204);
    unused("offer_taken_back", " no longer offers it");
    assert_eq!(api_keys(&ada, &other)["in_use"], json!(keys[1]), "the other project goes on");
    assert_eq!(take_back(&grace, &id, &keys[1]).problem(), "404 not-found connection");
    in_use(&grace);
    ada.api.patch(&member, &json!({ "role": "developer" })).with(200);
    unused("lost_authority", " is no longer an admin");
    ada.api.patch(&member, &json!({ "role": "admin" })).with(200);
    assert_eq!(api_keys(&ada, &id)["people"][1]["offered"], json!([]), "it is offered anew, or not");
    in_use(&grace);
    ada.api.delete(&member).with(204);
    unused("left_team", " left the team");
    joins(&ada, &id, &grace, "admin");
    in_use(&grace);
    server.admin().post(&format!("/accounts/{GRACE}/suspend"), &Value::Null).with(200);
    unused("suspended", "’s account was suspended");
    assert_eq!(api_keys(&ada, &other)["unused"]["why"], "suspended", "in all projects");
    server.admin().post(&format!("/accounts/{GRACE}/resume"), &Value::Null).with(200);
    assert_eq!(api_keys(&ada, &id)["in_use"], Value::Null, "nothing comes back by itself");
    grace.sign_in();
    in_use(&grace);
    server.admin().delete(&format!("/accounts/{GRACE}")).with(204);
    let said = api_keys(&ada, &id);
    assert_eq!(
        (&said["unused"]["why"], &said["unused"]["person"]),
        (&json!("account_removed"), &json!(GRACE))
    );
    // Another one's own takes its place in one step.
    let page = browser.get(&format!("/projects/{id}/team"));
    let fields = [("do", "offer-and-use"), ("connection", keys[0].as_str())];
    assert_eq!(
        browser.submit_from(&page, &format!("/projects/{id}/team"), &fields).goes_to(),
        format!("/projects/{id}/team")
    );
    let page = browser.get(&format!("/projects/{id}/team")).text(200);
    assert!(
        page.contains("Builds of Northwind iOS use AuthKey_ADA now.") && !page.contains("no longer use"),
        "{page}"
    );
    assert_eq!(api_keys(&ada, &id)["in_use"], json!(keys[0]));
    // Or nothing: then there is nothing to be done any more.
    assert!(api_keys(&ada, &other)["unused"].is_object());
    choose(&ada, &other, None).with(204);
    assert_eq!(api_keys(&ada, &other)["unused"], Value::Null);
}

#[test]
fn pages_offer_choose_and_take_back() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "admin");
    let keys = connect(&server, &[(ADA, "AuthKey_<ADA>"), (GRACE, "AuthKey_GRACE")]);
    let (mut browser, here) = (ada.browser(), format!("/projects/{id}/team"));
    let page = browser.get(&here);
    let text = page.text(200);
    assert!(
        text.contains("Ada Lovelace: not offered to this project") && !text.contains("AuthKey_GRACE"),
        "{text}"
    );
    assert!(text.contains("AuthKey_&#60;ADA&#62;"));
    let offered = browser.submit_from(&page, &here, &[("do", "offer"), ("connection", &keys[0])]);
    assert_eq!(offered.goes_to(), here);
    let page = browser.get(&here);
    let chosen = browser.submit_from(&page, &here, &[("do", "choose"), ("api_key", &keys[1])]);
    assert!(
        chosen.text(409).contains("isn't offered to this project")
            || chosen.text(409).contains("isn&#39;t offered")
    );
    let chosen = browser.submit_from(&page, &here, &[("do", "choose"), ("api_key", &keys[0])]);
    assert_eq!(chosen.goes_to(), here);
    assert!(browser.get(&here).text(200).contains(&format!("value=\"{}\" checked", keys[0])));
    let ask = format!("{here}/take-back/{}", keys[0]);
    assert!(browser.get(&ask).text(200).contains("at once, also those that run"));
    assert_eq!(browser.submit(&ask, &[]).goes_to(), here);
    assert_eq!(browser.get(&ask).status(), 404);
    let page = browser.get(&here);
    assert!(browser.submit_from(&page, &here, &[("do", "nonsense")]).status() == 400);
    // After ten minutes they are asked who they are first.
    server.clock.move_by(601);
    let page = browser.get(&here);
    let asked = browser.submit_from(&page, &here, &[("do", "offer"), ("connection", &keys[0])]);
    assert!(asked.goes_to().starts_with("/sign-in/confirm?next=%2Fprojects"), "{}", asked.goes_to());
}

#[test]
fn choosing_what_is_taken_back_at_that_moment_ends_with_nothing_used() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "admin");
    let keys = connect(&server, &[(GRACE, "AuthKey_GRACE")]);
    for round in 0..15 {
        offer(&grace, &id, &keys[0]).with(204);
        let done = race(2, |n| match n {
            0 => choose(&ada, &id, Some(&keys[0])).status,
            _ => take_back(&grace, &id, &keys[0]).status,
        });
        assert_eq!(done[1], 204);
        assert!([204, 409].contains(&done[0]), "round {round}: {done:?}");
        assert_eq!(api_keys(&ada, &id)["in_use"], Value::Null, "round {round}: {done:?}");
    }
    server.stop();
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM connection_uses"), 0);
}

#[test]
fn the_admins_of_each_project_are_told_once_by_mail() {
    let sink = Sink::start();
    let settings = sink.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start_with(&settings);
    let (ada, grace, linus) = (server.person(ADA), server.person(GRACE), server.person(LINUS));
    let vera = server.person("vera@example.org");
    let first = project(&ada, "Northwind iOS");
    let second = project(&linus, "Northwind macOS");
    joins(&ada, &first, &grace, "admin");
    joins(&ada, &first, &linus, "admin");
    joins(&ada, &first, &vera, "developer");
    joins(&linus, &second, &grace, "admin");
    let keys = connect(&server, &[(GRACE, "AuthKey_GRACE")]);
    for (admin, project) in [(&ada, &first), (&linus, &second)] {
        offer(&grace, project, &keys[0]).with(204);
        choose(admin, project, Some(&keys[0])).with(204);
    }
    // Those that tell of it: to whom, under which subject, in which words. An invitation that was accepted before its mail went is not sent.
    let told = || {
        let mails = sink.mails(sink.count()).into_iter();
        let read =
            mails.map(|mail| (mail.to.clone(), mail.header("Subject").unwrap(), mail.parts()[0].clone()));
        read.filter(|(_, _, text)| text.contains("no longer use")).collect::<Vec<_>>()
    };
    // Whoever does it knows it.
    linus.api.delete(&format!("/projects/{first}/members/{GRACE}")).with(204);
    until(|| told().len() == 1);
    let (to, subject, text) = told().remove(0);
    assert_eq!(to, format!("RCPT TO:<{ADA}>"));
    assert_eq!(subject, "Builds of Northwind iOS no longer use AuthKey_GRACE");
    assert!(text.contains("AuthKey_GRACE: Ada Lovelace left the team."), "{text}");
    assert!(
        text.contains(&format!("/projects/{first}/team")) && text.contains("Choose another one"),
        "{text}"
    );
    // A suspension is told for all projects at once, to each project's admins.
    joins(&ada, &first, &grace, "admin");
    offer(&grace, &first, &keys[0]).with(204);
    choose(&ada, &first, Some(&keys[0])).with(204);
    server.admin().post(&format!("/accounts/{GRACE}/suspend"), &Value::Null).with(200);
    until(|| told().len() == 3);
    let to = |id: &str| told().into_iter().skip(1).find(|(to, _, _)| to.contains(id)).unwrap().2;
    assert!(to(ADA).contains("Northwind iOS") && !to(ADA).contains("macOS"));
    assert!(to(LINUS).contains("Northwind iOS") && to(LINUS).contains("Northwind macOS"), "{}", to(LINUS));
    // Whatever is read again after a start is queued once.
    server.restart();
    take_back(&ada, &first, &keys[0]).with(404);
    ada.api.delete(&format!("/projects/{first}/members/{LINUS}")).with(204);
    server.stop();
    assert_eq!(told().len(), 3, "once each");
}

/// With builds that ask again and again, what each way to end it has in common: see tests/it/hand_outs.rs for the rest.
#[test]
fn taking_back_leaving_and_losing_authority_end_the_hand_out_at_once() {
    for (n, end) in ["offer", "out", "role"].iter().enumerate() {
        let server = Server::start();
        let (ada, grace) = (server.person(ADA), server.person(GRACE));
        let building = Building::make(&server, &Made { builds: 4, ..Made::of(ADA) });
        let id = building.project.to_string();
        server.stop();
        // Grace owns it, and Ada is an admin whose key is used.
        let account = |id: &str| format!("(SELECT id FROM accounts WHERE name = '{id}')");
        server.change_data(&format!(
            "UPDATE project_members SET role = 'admin';
            INSERT INTO project_members (project_id, account_id, role, joined_at) VALUES ('{id}', {}, 'owner', 0);",
            account(GRACE)
        ));
        server.start_again();
        assert!(building.step_has_key());
        let done = race(5, |thread| {
            if thread == 4 {
                let status = match n {
                    0 => ada.api.delete(&format!("/projects/{id}/offers/{}", building.connection)).status,
                    1 => grace.api.delete(&format!("/projects/{id}/members/{ADA}")).status,
                    _ => {
                        grace
                            .api
                            .patch(&format!("/projects/{id}/members/{ADA}"), &json!({ "role": "viewer" }))
                            .status
                    }
                };
                assert!((200..300).contains(&status), "{end}: {status}");
                return building.builds.iter().all(|build| build.steps(&server).json(200) == json!({}));
            }
            let mut given = 0;
            while building.builds[thread].steps(&server).json(200) != json!({}) {
                given += 1;
                assert!(given < 1_000_000, "it never ends");
            }
            true
        });
        assert_eq!(done, [true; 5], "{end}");
        let count = building.handed_out().len();
        assert!(building.builds.iter().all(|build| build.steps(&server).json(200) == json!({})));
        assert_eq!(building.handed_out().len(), count);
    }
}
