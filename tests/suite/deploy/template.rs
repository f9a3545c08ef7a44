//! `template.yaml` as data: CloudFormation's tags become one-entry objects, `!Ref X` is `{"!Ref": "X"}`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// A function of the template.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// Its logical id.
    pub(crate) id: String,
    /// What the binary is told to be.
    pub(crate) handler: String,
    /// Its properties.
    pub(crate) properties: Value,
    /// Its routes; the `$default` route is not among them.
    pub(crate) routes: BTreeSet<Route>,
}

/// A method and a path, as API Gateway writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) method: String,
    pub(crate) path: String,
}

impl Route {
    /// What the parameters of the path are in a request, if it is one for this route.
    pub(crate) fn matches(&self, method: &str, path: &str) -> Option<Map<String, Value>> {
        let mut parameters = Map::new();
        let mut rest = path.split('/');
        for part in self.path.split('/') {
            if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix("+}")) {
                let all: Vec<&str> = rest.by_ref().collect();
                parameters.insert(name.to_owned(), json!(all.join("/")));
                return (self.method == method && !all.is_empty()).then_some(parameters);
            }
            let found = rest.next()?;
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => drop(parameters.insert(name.to_owned(), json!(found))),
                None if part == found => {}
                None => return None,
            }
        }
        (self.method == method && rest.next().is_none()).then_some(parameters)
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The template.
pub(crate) fn load() -> Value {
    let text = std::fs::read_to_string(root().join("template.yaml")).expect("template.yaml is there");
    to_json(yaml_serde::from_str(&text).expect("template.yaml is YAML"))
}

fn to_json(yaml: yaml_serde::Value) -> Value {
    use yaml_serde::Value as Yaml;
    match yaml {
        Yaml::Sequence(items) => items.into_iter().map(to_json).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(key, value)| (text_of(key), to_json(value));
            Value::Object(entries.into_iter().map(entry).collect())
        }
        Yaml::Tagged(tagged) => json!({ tagged.tag.to_string(): to_json(tagged.value) }),
        plain => serde_json::to_value(plain).expect("a plain value"),
    }
}

fn text_of(key: yaml_serde::Value) -> String {
    match key {
        yaml_serde::Value::String(text) => text,
        other => panic!("{other:?} is a key that is no text"),
    }
}

/// The resources of a type, by logical id.
pub(crate) fn resources<'a>(template: &'a Value, of: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let all = template["Resources"].as_object().expect("resources");
    all.iter().filter(move |(_, resource)| resource["Type"] == of).map(|(id, resource)| (id, &resource["Properties"]))
}

/// The functions.
pub(crate) fn functions(template: &Value) -> Vec<Function> {
    let function = |(id, properties): (&String, &Value)| Function {
        id: id.clone(),
        handler: properties["Handler"].as_str().expect("a handler").to_owned(),
        properties: properties.clone(),
        routes: events(properties).filter_map(|event| route(&event["Properties"])).collect(),
    };
    resources(template, "AWS::Serverless::Function").map(function).collect()
}

fn events(properties: &Value) -> impl Iterator<Item = &Value> {
    let events = properties["Events"].as_object().into_iter().flatten().map(|(_, event)| event);
    events.filter(|event| event["Type"] == "HttpApi")
}

fn route(event: &Value) -> Option<Route> {
    let text = |name: &str| event[name].as_str().map(ToOwned::to_owned);
    Some(Route { method: text("Method")?, path: text("Path")? })
}

#[test]
fn routes_match_as_api_gateway_matches_them() {
    let route = |path: &str| Route { method: "GET".to_owned(), path: path.to_owned() };
    assert_eq!(route("/v1/a/{id}").matches("GET", "/v1/a/7").expect("matches")["id"], "7");
    assert_eq!(route("/docs/{path+}").matches("GET", "/docs/a/b").expect("matches")["path"], "a/b");
    for (ours, path) in [("/v1/a/{id}", "/v1/a"), ("/v1/a", "/v1/a/7"), ("/v1/a", "/v1/b"), ("/docs/{path+}", "/docs")]
    {
        assert!(route(ours).matches("GET", path).is_none(), "{ours} {path}");
    }
    assert!(route("/v1/a").matches("POST", "/v1/a").is_none());
}
