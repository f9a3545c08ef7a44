//! The size of the stack, of which CloudFormation allows 500 resources, and the stack that holds data.

use std::collections::BTreeSet;
use std::process::Command;

use sluice::deployment::FunctionSpec;
use sluice_workers::Worker;

use super::template::{api_operations, load, load_data, resources, root};
use crate::ministack;

/// Resources of a deployment with so many functions behind the API, workers with a queue, and roles.
const fn count(endpoints: usize, workers: usize, roles: usize) -> usize {
    // The data stack; two log groups, the alarms of API, tick and records, a metric, the dashboard; API and stage; the tick with its rule
    // and permission; the bootstrap; the policies that parameters switch on.
    let fixed = 1 + 2 + 5 + 1 + 2 + 3 + 1 + 2;
    // An endpoint is a function and a permission, a worker a function, a source and a stack of alarms.
    fixed + 2 * endpoints + 3 * workers + roles
}

#[test]
fn the_endpoints_fit_into_one_stack() {
    let functions = sluice_api::functions().len();
    let all = sluice_api::functions().into_iter().chain(sluice_workers::functions());
    let sets: BTreeSet<&str> = all.map(|FunctionSpec { permissions, .. }| permissions.name).collect();
    let python = ministack::install(&ministack::tools().expect("a folder")).expect("SAM").join("python");
    let expanded = Command::new(python)
        .args(["-c", include_str!("expand.py")])
        .arg(root().join("template.yaml"))
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()
        .expect("the virtual environment's python runs");
    let errors = String::from_utf8_lossy(&expanded.stderr);
    assert!(expanded.status.success(), "{errors}");
    let today = String::from_utf8_lossy(&expanded.stdout).lines().count();
    assert_eq!(today, count(functions, Worker::ALL.len(), sets.len()), "the formula is right");
    println!("{today} resources for {functions} functions of the API");
    assert!(today < 400, "{today}");
    says(&format!("{today} resources"));
}

/// API Gateway allows 300 routes in an API, unless it is asked for more.
#[test]
fn the_routes_fit_into_one_api() {
    let routes = api_operations(&load()).count();
    println!("{routes} routes");
    assert!(routes < 300, "{routes}");
    says(&format!("{routes} routes"));
}

fn says(figure: &str) {
    let page = std::fs::read_to_string(root().join("infra/README.md")).expect("a page");
    assert!(page.contains(figure), "infra/README.md does not say {figure}");
}

#[test]
fn every_table_can_be_restored_and_is_not_deleted_by_accident() {
    for (id, table) in resources(&load_data(), "AWS::DynamoDB::Table") {
        assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{id}");
        assert_eq!(table["DeletionProtectionEnabled"], true, "{id}");
    }
}

#[test]
fn whatever_keeps_data_is_in_the_data_stack_and_outlives_it() {
    let (template, data) = (load(), load_data());
    let keeps = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SecretsManager::Secret"];
    let all = data["Resources"].as_object().expect("resources");
    for (id, resource) in all {
        let kind = resource["Type"].as_str().expect("a type");
        assert!(keeps.contains(&kind), "{id} keeps no data");
        if kind != "AWS::SQS::Queue" {
            assert_eq!(
                (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
                (&"Retain".into(), &"Retain".into()),
                "{id}"
            );
        }
    }
    for kind in keeps {
        assert_eq!(resources(&template, kind).count(), 0, "{kind}");
        assert!(resources(&data, kind).count() > 0, "{kind}");
    }
    // A name that the data stack does not export would only be found missing by the deployment.
    let main = template.to_string();
    for used in main.split("Data.Outputs.").skip(1) {
        let name: String = used.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(!data["Outputs"][&name].is_null(), "{name} is no output of the data stack");
    }
}
