use std::{collections::BTreeSet, path::Path};

use super::*;

const KEPT: &str = "docs/openapi.json";

fn every(mut document: OpenApi, mut look: impl FnMut(&str, &str, &mut Operation)) {
    for (path, item) in &mut document.paths.paths {
        operations(item).for_each(|(method, operation)| look(path, method, operation));
    }
}

#[test]
fn the_document_is_the_one_that_is_kept() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(KEPT);
    let made = format!("{}\n", document().to_pretty_json().unwrap());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&place, &made).unwrap();
    }
    let same = std::fs::read_to_string(&place).is_ok_and(|kept| kept == made);
    assert!(same, "{KEPT} is out of date: UPDATE=1 cargo test --lib openapi");
}

#[test]
fn the_routes_are_those_that_are_described() {
    let mut described = BTreeSet::new();
    every(document(), |path, method, _| assert!(described.insert(format!("{method} {path}"))));
    let routes: BTreeSet<_> = router::API.iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(routes.len(), router::API.len());
    assert_eq!(described, routes, "a path in router.rs and the one beside its handler differ");
}

#[test]
fn each_route_says_what_one_has_to_know() {
    let mut ids = BTreeSet::new();
    every(document(), |path, method, operation| {
        let place = format!("{method} {path}");
        assert!(group(path).is_some(), "{place}: its group stands in GROUPS");
        assert!(
            operation.summary.as_ref().is_some_and(|summary| summary.ends_with('.')),
            "{place}: a sentence"
        );
        assert!(ids.insert(operation.operation_id.clone()), "{place}: {:?}", operation.operation_id);
        let declared: BTreeSet<_> = operation
            .parameters
            .iter()
            .flatten()
            .filter_map(|parameter| match parameter {
                RefOr::T(parameter) => Some(serde_json::to_value(parameter).unwrap()),
                RefOr::Ref(_) => None,
            })
            .inspect(|parameter| assert!(parameter["description"].is_string(), "{place}: {parameter}"))
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let in_path: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, in_path.into_iter().map(Into::into).collect(), "{place}: params(...)");
        let known = [ADMINISTRATOR, CONFIRMED];
        let odd = roles(operation).into_iter().flatten().find(|role| !known.contains(&role.as_str()));
        assert_eq!(odd, None, "{place}: security((\"token\" = [...]))");
        let good = operation.responses.responses.keys().filter(|status| status.starts_with('2')).count();
        assert_eq!(good, 1, "{place}: one answer when all goes well");
    });
}

#[test]
fn whoever_takes_a_body_shows_one() {
    let document = serde_json::to_value(document()).unwrap();
    every(super::document(), |path, method, operation| {
        let Some(body) = &operation.request_body else { return };
        let body = serde_json::to_value(body).unwrap();
        let schema = &body["content"]["application/json"]["schema"];
        // One that may be left out is that, or nothing.
        let named = schema["$ref"].as_str().or_else(|| schema["oneOf"][0]["$ref"].as_str());
        let named = named.unwrap_or_else(|| panic!("{method} {path}: {schema}"));
        let schema = &document["components"]["schemas"][named.rsplit('/').next().unwrap()];
        assert!(
            schema["example"].is_object(),
            "{method} {path}: #[schema(example = json!(...))] on its body"
        );
        assert_eq!(schema["additionalProperties"], false, "{method} {path}: deny_unknown_fields on its body");
        for (name, property) in schema["properties"].as_object().unwrap() {
            let described =
                property["description"].is_string() || property["oneOf"][0]["description"].is_string();
            assert!(described, "{method} {path}: what is {name}? {property}");
        }
    });
}

#[test]
fn every_code_says_what_to_do() {
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.code()).collect();
    assert_eq!(codes.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(code.advice().ends_with('.') && !code.title().ends_with('.'), "{code:?}");
    }
}

#[test]
fn the_page_shows_every_route_and_leads_nowhere_that_is_not_there() {
    let document = serde_json::to_value(document()).unwrap();
    let reader = read::Reader::new(&document, "https://doorkey.example.org");
    let (groups, things) = (reader.groups(), reader.things());
    let shown: Vec<_> = groups.iter().flat_map(|group| &group.operations).collect();
    assert_eq!(shown.len(), router::API.len());
    let linked = |kind: &views::Kind| kind.thing.clone();
    let mut links: Vec<_> =
        things.iter().flat_map(|thing| &thing.fields).filter_map(|field| linked(&field.kind)).collect();
    for operation in shown {
        assert!(
            !operation.summary.0.is_empty()
                && operation.curl.contains(" https://doorkey.example.org/api/v1/")
        );
        assert!(!operation.curl.contains('{') || operation.curl.contains(" -d '{"), "{}", operation.curl);
        for body in operation.body.iter().chain(&operation.answer) {
            links.extend(body.thing.clone());
            links.extend(body.fields.iter().filter_map(|field| linked(&field.kind)));
            assert!(
                body.thing.is_some() == body.fields.is_empty(),
                "{} {}",
                operation.method,
                operation.path
            );
        }
        for refusal in &operation.refusals {
            assert!(Code::ALL.iter().any(|code| code.code() == refusal.code), "{}", refusal.code);
        }
    }
    assert!(!links.is_empty());
    for link in links {
        assert!(things.iter().any(|thing| thing.name == link), "{link}");
    }
}
