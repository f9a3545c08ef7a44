//! One role for each permission set.

use sluice::deployment::{Action, FunctionSpec, ObjectAction, PermissionSet};
use sluice::domain::partition::GlobalPartition;
use sluice::domain::transaction::Fact;
use sluice::rings::Ring;

use crate::data::{arn, queue_id, secret_id};
use crate::{one_or_many, section};

/// The logical id of a set's role.
pub(crate) fn role_id(permissions: &PermissionSet) -> String {
    format!("{}Role", permissions.name)
}

/// The roles of these functions.
pub(crate) fn roles(functions: &[FunctionSpec]) -> String {
    let mut sets: Vec<(&PermissionSet, Vec<&str>)> = Vec::new();
    for FunctionSpec { name, permissions, .. } in functions {
        match sets.iter_mut().find(|(set, _)| set == permissions) {
            Some((_, members)) => members.push(name),
            None => sets.push((permissions, vec![name])),
        }
    }
    let roles = sets.iter().map(|(set, members)| role(set, members));
    let roles = roles.collect::<Vec<_>>().join("\n");
    section("Roles: one for each permission set") + &roles + "\n" + &policies(&sets)
}

/// What a parameter allows every role, or every role that reaches data.
fn policies(sets: &[(&PermissionSet, Vec<&str>)]) -> String {
    let all: Vec<String> = sets.iter().map(|(set, _)| format!("!Ref {}", role_id(set))).collect();
    let with_data = sets.iter().filter(|(set, _)| !set.allows_same(&PermissionSet::NONE));
    let with_data: Vec<String> = with_data.map(|(set, _)| format!("!Ref {}", role_id(set))).collect();
    let text = include_str!("../parts/policies.yaml");
    text.replace("<all>", &all.join(", ")).replace("<with data>", &with_data.join(", "))
}

fn role(permissions: &PermissionSet, members: &[&str]) -> String {
    let statements: String =
        statements(permissions).iter().map(|statement| format!("              - {statement}\n")).collect();
    format!(
        r#"  # {members}
  {id}:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {{ Version: "2012-10-17", Statement: [{{ Effect: Allow, Action: sts:AssumeRole, Principal: {{ Service: lambda.amazonaws.com }} }}] }}
      Policies:
        - PolicyName: {name}
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
{statements}"#,
        members = members.join(", "),
        id = role_id(permissions),
        name = permissions.name,
    )
}

fn statements(permissions: &PermissionSet) -> Vec<String> {
    let PermissionSet { keys, counts_calls, events, config, activity, documents, receives, sends, .. } = *permissions;
    let mut statements = vec![allow(&["logs:CreateLogStream", "logs:PutLogEvents"], "!GetAtt Logs.Arn")];
    statements.extend(keys.iter().map(|ring| allow(&["secretsmanager:GetSecretValue"], &arn(secret_id(*ring)))));
    statements.extend(of_public_keys(permissions));
    if counts_calls {
        // Counters belong to both environments, and nothing else of that partition is updated in place.
        let partitions = r##"{ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["*#both#*"] } }"##;
        let resource = format!("{}, Condition: {partitions}", arn("ActivityTable"));
        statements.push(allow(&[Action::UpdateItem], &resource));
    }
    if let Some(queue) = receives {
        let actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
        statements.push(allow(&actions, &arn(queue_id(queue))));
    }
    let tables = [(config, "ConfigTable"), (activity, "ActivityTable"), (events, "EventsTable")];
    let tables = tables.into_iter().filter(|(actions, _)| !actions.is_empty());
    statements.extend(tables.map(|(actions, table)| allow(actions, &arn(table))));
    if activity.contains(&Action::Query) {
        let indexes =
            Fact::ALL.map(|fact| format!("!Sub \"${{Data.Outputs.ActivityTableArn}}/index/{}\"", fact.index()));
        statements.push(allow(&[Action::Query], &one_or_many(&indexes)));
    }
    // Objects have ARNs below the bucket's.
    let (whole, each): (Vec<ObjectAction>, Vec<ObjectAction>) =
        documents.iter().partition(|action| **action == ObjectAction::ListBucket);
    if !each.is_empty() {
        statements.push(allow(&each, r#"!Sub "${Data.Outputs.DocumentsBucketArn}/*""#));
    }
    if !whole.is_empty() {
        statements.push(allow(&whole, &arn("DocumentsBucket")));
    }
    if !sends.is_empty() {
        let queues: Vec<String> = sends.iter().map(|queue| arn(queue_id(*queue))).collect();
        statements.push(allow(&["sqs:SendMessage"], &one_or_many(&queues)));
    }
    statements
}

/// Who issues tokens publishes the keys that verify them; no one else may, whatever it may write beside them.
fn of_public_keys(permissions: &PermissionSet) -> Option<String> {
    let partition = GlobalPartition::TokenKeys.as_str();
    let on = |operator: &str| {
        let condition = format!(r#"{{ "{operator}": {{ "dynamodb:LeadingKeys": ["{partition}"] }} }}"#);
        format!("{}, Condition: {condition}", arn("ConfigTable"))
    };
    if permissions.keys.contains(&Ring::Tokens) {
        return Some(allow(&[Action::PutItem], &on("ForAllValues:StringEquals")));
    }
    let writes: Vec<Action> = permissions.config.iter().copied().filter(|action| action.writes()).collect();
    (!writes.is_empty()).then(|| statement("Deny", &writes, &on("ForAnyValue:StringEquals")))
}

fn allow(actions: &[impl ToString], resource: &str) -> String {
    statement("Allow", actions, resource)
}

fn statement(effect: &str, actions: &[impl ToString], resource: &str) -> String {
    let actions: Vec<String> = actions.iter().map(ToString::to_string).collect();
    format!("{{ Effect: {effect}, Action: {}, Resource: {resource} }}", one_or_many(&actions))
}
