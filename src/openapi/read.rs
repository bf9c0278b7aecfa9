//! From the document to what the pages show of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::views::{Body, Field, Group, Kind, Operation, Refusal, Thing, Words};

/// The document, as it is served.
pub struct Reader<'a> {
    document: &'a Value,
    /// How often each schema is referred to: what stands in one place alone is shown there.
    uses: BTreeMap<String, usize>,
    /// This server's address.
    base: &'a str,
}

/// What a value lacks is nothing, as deep as one asks.
const NOTHING: &Value = &Value::Null;

fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(NOTHING)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl<'a> Reader<'a> {
    /// Reads this document, of the server at `base`.
    pub fn new(document: &'a Value, base: &'a str) -> Self {
        let mut uses = BTreeMap::new();
        count(document, &mut uses);
        Self { document, uses, base }
    }

    /// The routes, in their groups.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::new();
        for tag in items(at(self.document, "/tags")) {
            let name = text(tag, "name");
            let mut operations = Vec::new();
            for (path, item) in members(at(self.document, "/paths")) {
                let these = members(item).filter(|(_, operation)| at(operation, "/tags/0") == name);
                operations.extend(these.map(|(method, operation)| self.operation(path, method, operation)));
            }
            if !operations.is_empty() {
                let about = text(tag, "description").into();
                groups.push(Group { id: anchor(name), name: name.into(), about, operations });
            }
        }
        groups
    }

    /// What stands in more than one place.
    pub fn things(&self) -> Vec<Thing> {
        let schemas = members(at(self.document, "/components/schemas"));
        let shared = schemas.filter(|(name, schema)| self.is_shared(name, schema));
        shared
            .map(|(name, schema)| Thing {
                name: name.clone(),
                about: Words::of(text(schema, "description")),
                kind: self.kind(schema),
                fields: self.fields(schema),
            })
            .collect()
    }

    fn is_shared(&self, name: &str, schema: &Value) -> bool {
        // What isn't an object can't be shown in the place of a field; a moment needs no words.
        let is_object = at(schema, "/type") == "object";
        self.uses.get(name).is_some_and(|uses| *uses > 1 || !is_object) && !is_moment(schema)
    }

    fn operation(&self, path: &str, method: &str, operation: &Value) -> Operation {
        let (good, refused): (Vec<_>, Vec<_>) =
            members(at(operation, "/responses")).partition(|(_, response)| response.get("$ref").is_none());
        let (status, answer) =
            good.first().map_or((String::new(), NOTHING), |(status, answer)| ((*status).clone(), answer));
        let refusals = refused.iter().flat_map(|(status, response)| {
            let codes = text(response, "$ref").rsplit('/').next().unwrap_or_default().split('.');
            codes.map(|code| Refusal { status: (*status).clone(), code: code.into() })
        });
        let body = at(operation, "/requestBody");
        let sent = at(body, "/content/application~1json/schema");
        let answered = at(answer, "/content/application~1json/schema");
        Operation {
            id: text(operation, "operationId").into(),
            method: method.to_uppercase(),
            path: path.into(),
            summary: Words::of(text(operation, "summary")),
            description: Words::of(text(operation, "description")),
            who: who(operation),
            parameters: items(at(operation, "/parameters"))
                .map(|parameter| self.parameter(parameter))
                .collect(),
            body: (!body.is_null()).then(|| Body { thing: None, fields: self.taken(self.resolved(sent)) }),
            body_may_be_left_out: at(body, "/required") != true,
            status,
            outcome: Words::of(text(answer, "description")),
            answer: (!answered.is_null()).then(|| self.body(answered)),
            refusals: refusals.collect(),
            curl: self.curl(path, method, operation, at(self.resolved(sent), "/example")),
        }
    }

    fn parameter(&self, parameter: &Value) -> Field {
        let kind = self.kind(at(parameter, "/schema"));
        let about = Words::of(text(parameter, "description"));
        let may_be_left_out = at(parameter, "/required") != true;
        Field { name: text(parameter, "name").into(), kind, about, may_be_left_out }
    }

    fn body(&self, schema: &Value) -> Body {
        let name = text(schema, "$ref").rsplit('/').next().unwrap_or_default();
        let found = self.resolved(schema);
        match self.is_shared(name, found) {
            true => Body { thing: Some(name.into()), fields: Vec::new() },
            false => Body { thing: None, fields: self.fields(found) },
        }
    }

    /// The fields of a body that is sent: what may be left out may be null too, which needn't be said.
    fn taken(&self, schema: &'a Value) -> Vec<Field> {
        let mut fields = self.fields(schema);
        for field in &mut fields {
            let needed = items(at(schema, "/required")).any(|needed| *needed == field.name);
            field.may_be_left_out = !needed && !field.name.contains('.');
            for words in [&mut field.kind.words, &mut field.kind.rest].into_iter().filter(|_| !needed) {
                *words = words.replace(" or null", "");
            }
        }
        fields
    }

    /// The fields of an object; those of an object that stands in this place alone follow it, with its name before theirs.
    fn fields(&self, schema: &Value) -> Vec<Field> {
        let mut fields = Vec::new();
        for (name, property) in members(at(schema, "/properties")) {
            let inner = self.resolved(match at(property, "/items") {
                Value::Null => property,
                items => items,
            });
            let alone = self.own(property).or_else(|| self.own(at(property, "/items"))).is_some();
            let is_list = at(property, "/type") == "array";
            // Of one that may be null, the words stand with what it is otherwise.
            let described =
                [property, at(property, "/oneOf/0"), inner].map(|schema| text(schema, "description"));
            let about = described.into_iter().find(|about| !about.is_empty()).unwrap_or_default();
            let (kind, about) = (self.kind(property), Words::of(about));
            fields.push(Field { name: name.clone(), kind, about, may_be_left_out: false });
            if alone {
                let before = if is_list { format!("{name}[].") } else { format!("{name}.") };
                fields.extend(
                    self.fields(inner)
                        .into_iter()
                        .map(|field| Field { name: before.clone() + field.name.as_str(), ..field }),
                );
            }
        }
        fields
    }

    /// The name of an object that stands in one place alone.
    fn own(&self, schema: &'a Value) -> Option<&'a str> {
        let name = text(schema, "$ref").rsplit('/').next().filter(|name| !name.is_empty())?;
        (!self.is_shared(name, self.resolved(schema))).then_some(name)
    }

    /// What can stand in a field.
    fn kind(&self, schema: &Value) -> Kind {
        if let Some(name) =
            schema.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next())
        {
            return match self.is_shared(name, self.resolved(schema)) {
                true => Kind { thing: Some(name.into()), ..Kind::default() },
                false => self.kind(self.resolved(schema)),
            };
        }
        if let Some(words) = schema.get("enum") {
            let words: Vec<_> =
                items(words).filter_map(Value::as_str).map(|word| format!("\"{word}\"")).collect();
            return Kind { words: words.join(" or "), ..Kind::default() };
        }
        if schema.get("oneOf").is_some() {
            let kinds = items(at(schema, "/oneOf")).map(|one| self.kind(one));
            return kinds.reduce(either).unwrap_or_default();
        }
        let types = match at(schema, "/type") {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect::<Vec<_>>(),
        };
        let kinds = types.into_iter().map(|name| match name {
            "array" => {
                let of = self.kind(at(schema, "/items"));
                Kind { words: format!("list of {}", of.words), ..of }
            }
            name => Kind { words: in_words(name, schema).into(), ..Kind::default() },
        });
        kinds.reduce(either).unwrap_or_default()
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        // One that may be left out is that, or nothing.
        let schema = schema.get("oneOf").map_or(schema, |_| at(schema, "/oneOf/0"));
        match schema.get("$ref").and_then(Value::as_str) {
            Some(name) => at(self.document, name.trim_start_matches('#')),
            None => schema,
        }
    }

    fn curl(&self, path: &str, method: &str, operation: &Value, example: &Value) -> String {
        let mut address = path.to_owned();
        for parameter in items(at(operation, "/parameters")) {
            let name = format!("{{{}}}", text(parameter, "name"));
            address = address.replace(&name, text(parameter, "example"));
        }
        let mut command = "curl -sS".to_owned();
        if method != "get" && (method != "post" || example.is_null()) {
            command.push_str(&format!(" -X {}", method.to_uppercase()));
        }
        command.push_str(&format!(" {}{address}", self.base));
        if operation.get("security").is_some() {
            command.push_str(" \\\n  -H \"Authorization: Bearer $TOKEN\"");
        }
        if !example.is_null() {
            let line = spaced(example);
            let body = if line.len() > 56 { format!("{example:#}") } else { line };
            let body = body.replace('\'', "'\\''");
            command.push_str(&format!(" \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"));
        }
        command
    }
}

fn count(value: &Value, uses: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                *uses.entry(name.rsplit('/').next().unwrap_or_default().to_owned()).or_default() += 1;
            }
            members.values().for_each(|member| count(member, uses));
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, uses)),
        _ => {}
    }
}

fn either(one: Kind, other: Kind) -> Kind {
    let (first, then) = if one.thing.is_none() && other.thing.is_some() && one.words == "null" {
        (other, one)
    } else {
        (one, other)
    };
    match (first.thing.is_some(), then.thing.is_some()) {
        // One name is linked; a second one stands as text.
        (_, false) => Kind { rest: format!("{} or {}", first.rest, then.words), ..first },
        (false, true) => Kind { words: format!("{} or {}", first.words, then.words), ..then },
        (true, true) => {
            Kind { rest: format!(" or {}{}", then.words, then.thing.unwrap_or_default()), ..first }
        }
    }
}

fn is_moment(schema: &Value) -> bool {
    text(schema, "format") == "date-time"
}

fn in_words(name: &str, schema: &Value) -> &'static str {
    match name {
        "string" if is_moment(schema) => "time",
        "string" => "text",
        "integer" | "number" => "number",
        "boolean" => "true or false",
        "null" => "null",
        _ => "object",
    }
}

fn who(operation: &Value) -> &'static str {
    let has = |role: &str| items(at(operation, "/security/0/token")).any(|one| one == role);
    match (operation.get("security").is_some(), has(super::ADMINISTRATOR), has(super::CONFIRMED)) {
        (false, ..) => "Anybody.",
        (true, false, false) => "Whoever has signed in.",
        (true, false, true) => {
            "Whoever has signed in, and confirmed within the last ten minutes that it's them."
        }
        (true, true, false) => "An administrator.",
        (true, true, true) => "An administrator who confirmed within the last ten minutes that it's them.",
    }
}

fn anchor(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

/// JSON on one line, as people write it.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(members) => format!("{{{}}}", joined(members)),
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn joined(members: &Map<String, Value>) -> String {
    let members = members.iter().map(|(name, value)| format!("\"{name}\": {}", spaced(value)));
    members.collect::<Vec<_>>().join(", ")
}
