//! What the API promises of its answers, in docs/openapi.json: whatever a test gets from it is held against that.

use std::sync::LazyLock;

use serde_json::Value;

use super::Answer;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap());

/// A route of the API, as it is described.
pub struct Route {
    pub method: String,
    /// With an example in the place of each parameter.
    pub path: String,
    /// What may be sent; none when nothing is taken.
    pub body: Option<Value>,
    pub body_is_needed: bool,
    pub is_for_anybody: bool,
    /// Whether it is for builds, with a token of their own.
    pub is_for_builds: bool,
    /// The scope that opens it to a personal API token, if one does.
    pub scope: Option<String>,
}

/// Every route.
pub fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut path = path.clone();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
                let example = parameter["example"].as_str().unwrap_or_default();
                path = path.replace(&name, &example.replace(' ', "%20"));
            }
            let body = &operation["requestBody"];
            let schema = &body["content"]["application/json"]["schema"];
            let named = if schema["oneOf"].is_array() { &schema["oneOf"][0] } else { schema };
            routes.push(Route {
                method: method.to_uppercase(),
                path,
                body: body.is_object().then(|| resolved(named)["example"].clone()),
                body_is_needed: body["required"] == true,
                is_for_anybody: operation["security"].is_null(),
                is_for_builds: ["build_token", "project_token"]
                    .iter()
                    .any(|token| operation["security"][0][token].is_array()),
                scope: operation["description"]
                    .as_str()
                    .and_then(|text| text.split_once("needs the scope `"))
                    .map(|(_, rest)| rest.split('`').next().unwrap().to_owned()),
            });
        }
    }
    routes
}

/// Holds an answer of the API against what is promised for that route.
#[track_caller]
pub fn check(method: &str, target: &str, answer: &Answer) {
    let path = target.split('?').next().unwrap();
    let Some(item) = item(path) else {
        return assert_eq!(answer.problem(), "404 not-found", "{method} {path}");
    };
    let operation = &item[method.to_lowercase()];
    if operation.is_null() {
        return assert_eq!(answer.problem(), "405 method-not-allowed", "{method} {path}");
    }
    let place = format!("{method} {path}, which answered {} {}", answer.status, answer.text());
    let promised = &operation["responses"][answer.status.to_string()];
    assert!(promised.is_object(), "no such answer is described for {place}");
    if let Some(codes) = promised["$ref"].as_str() {
        let problem = answer.problem();
        let code = problem.split(' ').nth(1).unwrap();
        let known = codes.rsplit('/').next().unwrap().split('.').any(|known| known == code);
        return assert!(known, "the code isn't described for {place}");
    }
    let lines = &promised["content"]["application/x-ndjson"]["schema"];
    if lines.is_object() {
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"), "{method} {path}");
        for line in answer.text().lines() {
            let said = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON from {method} {path}"));
            fits(lines, &said).unwrap_or_else(|why| panic!("{why} isn't as it is described for {place}"));
        }
        return;
    }
    let schema = &promised["content"]["application/json"]["schema"];
    if schema.is_null() {
        return assert_eq!(answer.text(), "", "nothing is described for {place}");
    }
    let said = serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON from {place}"));
    if let Err(why) = fits(schema, &said) {
        panic!("{why} isn't as it is described for {place}");
    }
}

/// The path that this one is an instance of: rather one that names it than one with a parameter in its place.
fn item(path: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let is_parameter = |part: &str| part.starts_with('{');
    let matching = paths.iter().filter(|(template, _)| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(t, p)| t == p || is_parameter(t) && !p.is_empty())
    });
    matching.min_by_key(|(template, _)| template.matches('{').count()).map(|(_, item)| item)
}

fn resolved(schema: &'static Value) -> &'static Value {
    match schema["$ref"].as_str() {
        Some(name) => DOCUMENT.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("no {name}")),
        None => schema,
    }
}

/// Whether a value is as the schema says: the part of JSON Schema that our document uses. An error names the part that isn't.
fn fits(schema: &'static Value, value: &Value) -> Result<(), String> {
    let schema = resolved(schema);
    if let Some(some) = schema["oneOf"].as_array() {
        let tried: Vec<_> = some.iter().map(|one| fits(one, value)).collect();
        return if tried.iter().any(Result::is_ok) { Ok(()) } else { Err(format!("{value}: {tried:?}")) };
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().collect(),
        Value::Null => return Ok(()),
        one => vec![one],
    };
    let wrong = || Err(value.to_string());
    let right_type = types.iter().any(|name| match name.as_str().unwrap() {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("a type {other}"),
    });
    if !right_type || schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return wrong();
    }
    if schema["format"] == "date-time"
        && value.as_str().is_some_and(|at| at.len() != 20 || !at.ends_with('Z'))
    {
        return wrong();
    }
    for item in value.as_array().into_iter().flatten() {
        fits(&schema["items"], item)?;
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten() {
        if !members.contains_key(name.as_str().unwrap()) {
            return Err(format!("{value}, without {name},"));
        }
    }
    let others = &schema["additionalProperties"];
    for (name, member) in members {
        match &schema["properties"][name] {
            Value::Null if others.is_null() || others == false => return Err(format!("{name:?}: {member}")),
            Value::Null => {}
            property => fits(property, member).map_err(|why| format!("{name:?}: {why}"))?,
        }
    }
    Ok(())
}
