//! What bounds the deployment: concurrency of functions, and requests to routes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_api::ENDPOINTS;

use super::routes::{document, documented};
use super::template::{functions, load, methods, resources, root};

/// What an account may have at once, once it is older than a few weeks.
const ACCOUNT: u64 = 1_000;
/// What AWS does not let anybody reserve.
const UNRESERVABLE: u64 = 100;

fn default(template: &Value, parameter: &Value) -> u64 {
    let name = parameter["!Ref"].as_str().unwrap_or_else(|| panic!("{parameter} is no parameter"));
    template["Parameters"][name]["Default"].as_u64().unwrap_or_else(|| panic!("{name} has no default"))
}

#[test]
fn every_worker_has_a_cap_and_the_caps_leave_room_for_the_endpoints() {
    let template = load();
    let caps = resources(&template, "AWS::Lambda::EventSourceMapping")
        .map(|(_, source)| default(&template, &source["ScalingConfig"]["MaximumConcurrency"]));
    let workers: u64 = caps.sum();
    let mut reserving = BTreeSet::new();
    let mut reserved = 0;
    for function in functions(&template) {
        let Some(choice) = function.properties["ReservedConcurrentExecutions"]["!If"].as_array() else { continue };
        // 0 would switch the function off.
        let condition = format!("Reserves{}Concurrency", function.id);
        assert_eq!(choice[0], condition, "{}", function.id);
        assert_eq!(choice[2], json!({"!Ref": "AWS::NoValue"}), "{}", function.id);
        assert!(template["Conditions"][&condition].is_object(), "{condition}");
        reserved += default(&template, &choice[1]);
        reserving.insert(function.handler);
    }
    let expected = ["consumers.events", "events.list", "events.publish"].map(str::to_owned);
    assert_eq!(reserving, expected.into(), "publishing keeps its own; those that wait are capped");
    let rest = ACCOUNT - workers - reserved;
    println!("workers {workers}, reserved {reserved}, the rest {rest} of {ACCOUNT}");
    assert!(ACCOUNT - reserved >= UNRESERVABLE && rest >= 150, "{rest}");
    let readme = std::fs::read_to_string(root().join("infra/README.md")).expect("a page");
    for figure in [format!("{workers} calls"), format!("{reserved} calls"), format!("{rest} calls")] {
        assert!(readme.contains(&figure), "infra/README.md does not say {figure}");
    }
}

#[test]
fn routes_without_credentials_have_a_throttle_of_their_own() {
    let template = load();
    let (_, api) = resources(&template, "AWS::Serverless::HttpApi").next().expect("an API");
    let limits = |settings: &Value| {
        ["ThrottlingRateLimit", "ThrottlingBurstLimit"].map(|name| default(&template, &settings[name]))
    };
    let [rate, burst] = limits(&api["DefaultRouteSettings"]);
    let settings = api["RouteSettings"].as_object().expect("settings of routes");
    for (route, settings) in settings {
        let [open_rate, open_burst] = limits(settings);
        assert!(open_rate < rate && open_burst < burst, "{route}");
    }
    // A route that does not exist would make the deployment fail.
    let served = ENDPOINTS.iter().filter(|endpoint| endpoint.is_open()).flat_map(|endpoint| endpoint.routes());
    let served: BTreeSet<String> = served.map(|route| format!("{} {}", route.method, route.path)).collect();
    let keys = settings.keys().filter_map(|key| key.split_once(' '));
    let throttled = keys.flat_map(|(method, path)| methods(method).into_iter().map(move |one| format!("{one} {path}")));
    let throttled: BTreeSet<String> = throttled.collect();
    assert_eq!(throttled, served);
    assert!(settings.contains_key("$default"));
    let document = document();
    for (_, method, path) in documented() {
        let schemes = document["paths"][&path][method.to_lowercase()]["security"].as_array();
        let open = schemes.is_none_or(Vec::is_empty);
        assert_eq!(throttled.contains(&format!("{method} {path}")), open, "{method} {path}");
    }
}

#[test]
fn what_the_local_run_may_reach_is_no_choice_of_a_deployment() {
    let template = load().to_string();
    assert!(!template.contains("InsecureTargets") && !template.contains("INSECURE_TARGETS"));
}
