//! Scenarios and fixtures, read from JSON. README.md says what they mean.

use sealwire_core::setup::SetupCode;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

pub(crate) type Fields = Map<String, Value>;

pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) needs: Vec<String>,
    pub(crate) network: String,
    /// In the order of the file: frames are carried in it.
    pub(crate) endpoints: Vec<(String, Fields)>,
    pub(crate) steps: Vec<Fields>,
    pub(crate) fixtures: Value,
}

/// A field of a step or event, where it is there and not null.
pub(crate) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

pub(crate) fn number(fields: &Fields, name: &str) -> Option<u64> {
    fields.get(name).and_then(Value::as_u64)
}

pub(crate) fn flag(fields: &Fields, name: &str) -> Option<bool> {
    fields.get(name).and_then(Value::as_bool)
}

pub(crate) fn list<'a>(fields: &'a Fields, name: &str) -> &'a [Value] {
    fields.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Value {
    let content: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(content["format"], 1, "{}", path.display());
    content
}

/// Every scenario, in order of file and place.
pub(crate) fn load() -> Vec<Scenario> {
    let fixtures = read(&here().join("fixtures.json"));
    let mut paths: Vec<PathBuf> = std::fs::read_dir(here().join("scenarios")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let group = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for given in read(&path)["scenarios"].as_array().unwrap() {
            let given = given.as_object().unwrap();
            found.extend(each(given).iter().map(|given| Scenario::new(&group, given, &fixtures)));
        }
    }
    found
}

impl Scenario {
    fn new(group: &str, given: &Fields, fixtures: &Value) -> Self {
        let objects = |value: &Value| value.as_object().unwrap().clone();
        let mut endpoints: Vec<(String, Fields)> =
            given["endpoints"].as_object().unwrap().iter().map(|(name, config)| (name.clone(), objects(config))).collect();
        // The order of the file is that of the names, but for the hub, which is first in both.
        endpoints.sort_by_key(|(name, _)| (name != "hub", name.clone()));
        let steps: Vec<Fields> = given["steps"].as_array().unwrap().iter().map(objects).collect();
        Scenario {
            name: format!("{group}/{}", text(given, "name").unwrap()),
            needs: list(given, "needs").iter().map(|need| need.as_str().unwrap().to_owned()).collect(),
            network: text(given, "network").unwrap_or("link").to_owned(),
            endpoints,
            steps: steps.into_iter().flat_map(expand).map(numbered_events).collect(),
            fixtures: fixtures.clone(),
        }
    }

    /// What fixtures.json says of an identity.
    pub(crate) fn identity(&self, name: &str) -> &Fields {
        self.fixtures["identities"][name].as_object().unwrap_or_else(|| panic!("no identity {name}"))
    }

    /// A label.
    pub(crate) fn code(&self, name: &str) -> SetupCode {
        SetupCode::parse(self.fixtures["codes"][name].as_str().unwrap_or_else(|| panic!("no code {name}"))).unwrap()
    }

    /// The bytes of a credential that is no identity's, a stored session or a frame.
    pub(crate) fn fixture(&self, kind: &str, name: &str) -> Option<Vec<u8>> {
        self.fixtures[kind][name].as_str().map(bytes)
    }
}

/// A scenario with `each` stands for one for each value of its parameter, for which `$name` stands in steps.
fn each(given: &Fields) -> Vec<Fields> {
    let Some((parameter, values)) = given.get("each").and_then(|each| each.as_object()?.iter().next()) else { return vec![given.clone()] };
    let one = |value: &Value| {
        let mut made = given.clone();
        made["name"] = json!(format!("{}, {parameter} {value}", text(given, "name").unwrap()));
        let places = made["steps"].as_array_mut().unwrap().iter_mut().flat_map(|step| step.as_object_mut().unwrap().values_mut());
        for place in places.filter(|place| place.as_str().is_some_and(|word| word.strip_prefix('$') == Some(parameter))) {
            *place = value.clone();
        }
        made
    };
    values.as_array().unwrap().iter().map(one).collect()
}

/// A step with `through` stands for one for each number; `join` for four, `own` for five.
fn expand(step: Fields) -> Vec<Fields> {
    if step.contains_key("through") {
        return through(&step);
    }
    match text(&step, "do") {
        Some("own") => return own(&step),
        Some("join") => {}
        _ => return vec![step],
    }
    let mut connect = json!({"do": "connect", "at": step["from"]});
    if let Some(route) = step.get("route") {
        connect["to"] = route.clone();
    }
    let expected = |at: &str, role: &str| {
        let mut event = json!({"event": "established", "role": role, "resumed": false, "started": role == "initiator"});
        if let Some(name) = step.get("as") {
            event["as"] = name.clone();
        }
        json!({"do": "expect", "at": step[at], "events": [event]})
    };
    let plain = [connect, json!({"do": "settle"}), expected("from", "initiator"), expected("to", "responder")];
    plain.into_iter().map(|step| step.as_object().unwrap().clone()).collect()
}

/// Setup by the label: opens it, claims it, and expects the ownership at both ends.
fn own(step: &Fields) -> Vec<Fields> {
    let mut claim = json!({"do": "claim", "at": step["from"], "to": step["to"], "code": step["code"]});
    if let Some(anchor) = step.get("anchor") {
        claim["anchor"] = anchor.clone();
    }
    let mut established = json!({"event": "established"});
    if let Some(name) = step.get("as") {
        established["as"] = name.clone();
    }
    let expected = |at: &str, events: [&Value; 2]| json!({"do": "expect", "at": step[at], "events": events});
    let plain = [
        json!({"do": "open_setup", "at": step["to"]}),
        claim,
        json!({"do": "settle"}),
        expected("from", [&established, &json!({"event": "ownership"})]),
        expected("to", [&json!({"event": "ownership_changed"}), &established]),
    ];
    plain.into_iter().map(|step| step.as_object().unwrap().clone()).collect()
}

fn through(given: &Fields) -> Vec<Fields> {
    let numbers = number(given, "number").unwrap()..=number(given, "through").unwrap();
    let one = |number: u64| {
        let mut plain = given.clone();
        plain.remove("through");
        plain.insert("number".to_owned(), json!(number));
        plain
    };
    numbers.map(one).collect()
}

fn numbered_events(mut step: Fields) -> Fields {
    if let Some(events) = step.get_mut("events") {
        let plain = events.as_array().unwrap().iter().flat_map(|event| {
            let event = event.as_object().unwrap();
            if event.contains_key("through") { through(event) } else { vec![event.clone()] }
        });
        *events = Value::Array(plain.map(Value::Object).collect());
    }
    step
}
