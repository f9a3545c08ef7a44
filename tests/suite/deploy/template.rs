//! The templates as data: CloudFormation's tags become one-entry objects, `!Ref X` is `{"!Ref": "X"}`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sluice_api::Route;

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
    /// The logical id of its role.
    pub(crate) role: String,
    /// The statements of its role.
    pub(crate) statements: Vec<Value>,
}

impl Function {
    /// The actions that its role allows on the resource whose ARN is this output of the data stack.
    pub(crate) fn actions_on(&self, arn: &str) -> String {
        let on = |statement: &&Value| {
            statement["Effect"] == "Allow"
                && statement["Resource"].to_string().contains(&format!("Data.Outputs.{arn}\""))
        };
        self.statements.iter().filter(on).map(|statement| statement["Action"].to_string()).collect()
    }
}

/// The parameters in the path of a request, if it is one for this route.
pub(crate) fn matches(route: &Route, method: &str, path: &str) -> Option<Map<String, Value>> {
    let mut parameters = Map::new();
    let mut rest = path.split('/');
    for part in route.path.split('/') {
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix("+}")) {
            let all: Vec<&str> = rest.by_ref().collect();
            parameters.insert(name.to_owned(), json!(all.join("/")));
            return (route.method == method && !all.is_empty()).then_some(parameters);
        }
        let found = rest.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => drop(parameters.insert(name.to_owned(), json!(found))),
            None if part == found => {}
            None => return None,
        }
    }
    (route.method == method && rest.next().is_none()).then_some(parameters)
}

/// The function and the route that a request goes to, as API Gateway chooses them: the most specific route.
pub(crate) fn resolve<'a>(
    functions: &'a [Function],
    method: &str,
    path: &str,
) -> Option<(&'a Function, &'a Route, Map<String, Value>)> {
    let routes = functions.iter().flat_map(|function| function.routes.iter().map(move |route| (function, route)));
    let matching = routes.filter_map(|(function, route)| Some((function, route, matches(route, method, path)?)));
    matching.min_by_key(|(_, route, parameters)| (route.path.contains('+'), parameters.len()))
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `template.yaml`.
pub(crate) fn load() -> Value {
    load_file("template.yaml")
}

/// The nested stack with tables, queues and master keys.
pub(crate) fn load_data() -> Value {
    load_file("infra/data.yaml")
}

/// The nested stack with the alarms of a worker.
pub(crate) fn load_alarms() -> Value {
    load_file("infra/worker-alarms.yaml")
}

fn load_file(file: &str) -> Value {
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    to_json(yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}")))
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
    let routes = routes(template);
    let function = |(id, properties): (&String, &Value)| {
        let role = properties["Role"]["!GetAtt"].as_str().and_then(|arn| arn.strip_suffix(".Arn"));
        let role = role.unwrap_or_else(|| panic!("{id} has no role"));
        let policies = template["Resources"][role]["Properties"]["Policies"].as_array().expect("policies");
        let statements = policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array());
        Function {
            id: id.clone(),
            handler: properties["Handler"].as_str().expect("a handler").to_owned(),
            properties: properties.clone(),
            routes: routes.iter().filter(|(of, _)| of == id).map(|(_, route)| route.clone()).collect(),
            role: role.to_owned(),
            statements: statements.flatten().cloned().collect(),
        }
    };
    resources(template, "AWS::Serverless::Function").map(function).collect()
}

/// The OpenAPI document of the API.
pub(crate) fn api_body(template: &Value) -> &Value {
    let (_, api) = resources(template, "AWS::Serverless::HttpApi").next().expect("an API");
    &api["DefinitionBody"]
}

/// The operations of the API's body: path, method in lower case, operation.
pub(crate) fn api_operations(template: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = api_body(template)["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, operation)| (path, method, operation))
    })
}

/// The logical id of the function that an operation of the API's body calls.
pub(crate) fn integration(operation: &Value) -> &str {
    let name = operation["x-amazon-apigateway-integration"]["$ref"].as_str();
    let name = name.and_then(|name| name.strip_prefix("#/components/x-amazon-apigateway-integrations/"));
    name.unwrap_or_else(|| panic!("no integration in {operation}"))
}

/// The methods that an operation of the API's body stands for: a path that is only read has one for all.
pub(crate) fn methods(name: &str) -> Vec<&'static str> {
    if name == "x-amazon-apigateway-any-method" || name == "ANY" {
        return vec!["GET", "HEAD"];
    }
    let known = ["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"];
    known.into_iter().filter(|known| known.eq_ignore_ascii_case(name)).collect()
}

fn routes(template: &Value) -> Vec<(String, Route)> {
    let operations = api_operations(template).filter(|(path, ..)| *path != "$default");
    let operations = operations.flat_map(|(path, method, operation)| {
        let function = integration(operation).to_owned();
        methods(method).into_iter().map(move |method| (function.clone(), Route { path: path.clone(), method }))
    });
    operations.collect()
}

#[test]
fn routes_match_as_api_gateway_matches_them() {
    let get = |route: &str, path: &str| matches(&Route { method: "GET", path: route.to_owned() }, "GET", path);
    assert_eq!(get("/v1/a/{id}", "/v1/a/7").expect("matches")["id"], "7");
    assert_eq!(get("/docs/{path+}", "/docs/a/b").expect("matches")["path"], "a/b");
    for (ours, path) in [("/v1/a/{id}", "/v1/a"), ("/v1/a", "/v1/a/7"), ("/v1/a", "/v1/b"), ("/docs/{path+}", "/docs")]
    {
        assert!(get(ours, path).is_none(), "{ours} {path}");
    }
    assert!(matches(&Route { method: "GET", path: "/v1/a".to_owned() }, "POST", "/v1/a").is_none());
}
