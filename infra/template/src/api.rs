//! The HTTP API: its routes as an OpenAPI body, which costs no resource for each route.

use sluice_api::{ENDPOINTS, Endpoint, FALLBACK, Route, functions};

use crate::section;

/// The API resource.
pub(crate) fn body() -> String {
    let mut paths: Vec<(String, Vec<String>)> = Vec::new();
    for endpoint in ENDPOINTS {
        for route in endpoint.routes() {
            let line = operation(&route, &endpoint.function().logical_id());
            match paths.iter_mut().find(|(path, _)| *path == route.path) {
                Some((_, operations)) => operations.push(line),
                None => paths.push((route.path, vec![line])),
            }
        }
    }
    let paths = paths.iter().map(|(path, operations)| format!("          \"{path}\":\n{}", operations.concat()));
    let fallback = functions().into_iter().find(|spec| spec.name == FALLBACK).map(|spec| spec.logical_id());
    let integrations = functions().into_iter().map(|spec| integration(&spec.logical_id()));
    format!(
        "{title}  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
{stage}      # One permission for each function lets API Gateway call it by any of these routes. HEAD is a route of its own,
      # and answers as GET.
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

/// The throttle of each route that takes no credentials. `$default` is one of them.
fn open_routes() -> String {
    let open = ENDPOINTS.iter().filter(|endpoint| endpoint.is_open()).flat_map(Endpoint::routes);
    let keys = open.map(|Route { method, path }| format!("{method} {path}")).chain(["$default".to_owned()]);
    let limits =
        "ThrottlingRateLimit: !Ref OpenRouteRequestsPerSecond, ThrottlingBurstLimit: !Ref OpenRouteRequestsBurst";
    keys.map(|key| format!("        \"{key}\": {{ {limits} }}\n")).collect()
}

fn operation(route: &Route, function: &str) -> String {
    let parameters: Vec<String> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| format!("{{ name: {name}, in: path, required: true }}"))
        .collect();
    let parameters = match &parameters[..] {
        [] => String::new(),
        some => format!(", parameters: [{}]", some.join(", ")),
    };
    let method = route.method.to_lowercase();
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
