//! The HTTP API: its routes as an OpenAPI body, which costs no resource for each route.

use sluice_api::{ENDPOINTS, Endpoint, FALLBACK, Route, functions};

use crate::section;

/// The API resource.
pub(crate) fn body() -> String {
    let paths = paths(ENDPOINTS.iter()).into_iter().map(|(path, operations)| {
        let line = |(method, function): &(&str, String)| operation(method, &path, function);
        format!("          \"{path}\":\n{}", operations.iter().map(line).collect::<String>())
    });
    let fallback = functions().into_iter().find(|spec| spec.name == FALLBACK).map(|spec| spec.logical_id());
    let integrations = functions().into_iter().map(|spec| integration(&spec.logical_id()));
    format!(
        "{title}  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
{stage}      # One permission for each function lets API Gateway call it by any of these routes. A path that is only
      # read has one route for all methods: its function answers HEAD as GET, and 405 to any other.
      DefinitionBody:
        openapi: 3.0.1
        info: {{ title: !Ref AWS::StackName, version: \"1.0\" }}
        paths:
{paths}          # Answers 404, and 405 where only the method is wrong.
          $default:
            x-amazon-apigateway-any-method: {{ isDefaultRoute: true, responses: {{}}, {default} }}
        components:
          x-amazon-apigateway-integrations:
{integrations}",
        title = section("The API"),
        stage = include_str!("../parts/stage.yaml").replace("        <open routes>\n", &open_routes()),
        paths = paths.collect::<String>(),
        default = integration_of(&fallback.unwrap_or_default()),
        integrations = integrations.collect::<String>(),
    )
}

/// Each path with its methods and their functions. GET and HEAD alone are one route, because routes have a quota.
fn paths<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<(String, Vec<(&'static str, String)>)> {
    let mut paths: Vec<(String, Vec<(&'static str, String)>)> = Vec::new();
    for endpoint in endpoints {
        for Route { path, method } in endpoint.routes() {
            let operation = (method, endpoint.function().logical_id());
            match paths.iter_mut().find(|(known, _)| *known == path) {
                Some((_, operations)) => operations.push(operation),
                None => paths.push((path, vec![operation])),
            }
        }
    }
    for (_, operations) in &mut paths {
        if operations.iter().all(|(method, _)| ["GET", "HEAD"].contains(method)) {
            operations.truncate(1);
            operations.iter_mut().for_each(|(method, _)| *method = ANY);
        }
    }
    paths
}

/// How API Gateway calls all methods.
const ANY: &str = "ANY";

/// The throttle of each route that takes no credentials. `$default` is one of them.
fn open_routes() -> String {
    let open = paths(ENDPOINTS.iter().filter(|endpoint| endpoint.is_open()));
    let keys = open
        .into_iter()
        .flat_map(|(path, operations)| operations.into_iter().map(move |(method, _)| format!("{method} {path}")));
    let keys = keys.chain(["$default".to_owned()]);
    let limits =
        "ThrottlingRateLimit: !Ref OpenRouteRequestsPerSecond, ThrottlingBurstLimit: !Ref OpenRouteRequestsBurst";
    keys.map(|key| format!("        \"{key}\": {{ {limits} }}\n")).collect()
}

fn operation(method: &str, path: &str, function: &str) -> String {
    let parameters: Vec<String> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| format!("{{ name: {name}, in: path, required: true }}"))
        .collect();
    let parameters = match &parameters[..] {
        [] => String::new(),
        some => format!(", parameters: [{}]", some.join(", ")),
    };
    let method = if method == ANY { "x-amazon-apigateway-any-method".to_owned() } else { method.to_lowercase() };
    format!("            {method}: {{ {}, responses: {{}}{parameters} }}\n", integration_of(function))
}

fn integration_of(function: &str) -> String {
    format!("x-amazon-apigateway-integration: {{ $ref: \"#/components/x-amazon-apigateway-integrations/{function}\" }}")
}

fn integration(function: &str) -> String {
    let uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions";
    format!(
        "            {function}: {{ type: aws_proxy, httpMethod: POST, payloadFormatVersion: \"2.0\", uri: !Sub \"{uri}/${{{function}.Arn}}/invocations\" }}\n"
    )
}
