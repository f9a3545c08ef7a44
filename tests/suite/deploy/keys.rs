//! Who is given which master keys, and that an update of the stack never makes others.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use sluice::ports::Ports;
use sluice::rings::{Ring, RingText};
use sluice_workers::{BOOTSTRAP, functions as workers};

use super::journey::{Session, operator};
use super::stack::stack;
use super::template::{Function, functions, load, load_data};

/// A copy of the secrets as they were first deployed. CloudFormation generates another secret if the way it is
/// generated changes, or its logical id: then nothing that is stored could be opened any more, and every token would be
/// refused. So this must stay as it is. What replaces it must take over the old keys first.
fn frozen() -> Value {
    let secret = |condition: &str, description: &str| {
        json!({
            "Type": "AWS::SecretsManager::Secret",
            "Condition": condition,
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "Description": description,
                "KmsKeyId": {"!If": ["HasKmsKey", {"!Ref": "KmsKeyArn"}, {"!Ref": "AWS::NoValue"}]},
                "GenerateSecretString": {
                    "SecretStringTemplate": "{\"current\":\"k1\"}",
                    "GenerateStringKey": "k1",
                    "PasswordLength": 64,
                    "ExcludePunctuation": true,
                },
            },
        })
    };
    json!({
        "KeysSecret": secret(
            "MakesKeysSecret",
            "The master keys. To rotate them, add a key and make it the current one; the old ones must stay.",
        ),
        "TokenKeysSecret": secret(
            "MakesTokenKeysSecret",
            "The keys that sign access tokens. Only the function that issues tokens reads them.",
        ),
    })
}

#[test]
fn the_secrets_are_generated_as_they_always_were() {
    let template = load_data();
    let resources = template["Resources"].as_object().expect("resources");
    let secrets = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::SecretsManager::Secret");
    let secrets: serde_json::Map<String, Value> = secrets.map(|(id, secret)| (id.clone(), secret.clone())).collect();
    assert_eq!(Value::Object(secrets), frozen());
}

/// The secrets that a function may read.
fn readable(function: &Function) -> Vec<String> {
    let reads = |statement: &&Value| statement["Action"] == "secretsmanager:GetSecretValue";
    let statements = function.statements.iter().filter(reads);
    statements.map(|statement| statement["Resource"]["!GetAtt"].as_str().expect("one secret").to_owned()).collect()
}

#[test]
fn each_ring_is_for_those_who_need_it() {
    let name = |ring: &Ring| match ring {
        Ring::Secrets => "Data.Outputs.KeysSecretArn".to_owned(),
        Ring::Tokens => "Data.Outputs.TokenKeysSecretArn".to_owned(),
    };
    let mut issuers = Vec::new();
    for function in functions(&load()) {
        let worker = workers().into_iter().find(|spec| spec.name == function.handler);
        let rings = worker.map_or_else(|| sluice_api::rings(&function.handler), |spec| spec.permissions.keys);
        assert_eq!(readable(&function), rings.iter().map(name).collect::<Vec<_>>(), "{}", function.id);
        if rings.contains(&Ring::Tokens) {
            assert_eq!(rings, [Ring::Tokens]);
            issuers.push(function.handler);
        }
    }
    assert_eq!(issuers, ["auth.token"]);
}

#[test]
fn who_only_verifies_tokens_has_no_key() {
    let verifying =
        ["events.list", "events.get", "consumers.events", "event_types.put", "transactions.get", "tenants.list"];
    for handler in verifying.into_iter().chain(["audit_log.list", "schedules.update", "meta.jwks", BOOTSTRAP]) {
        let function = functions(&load()).into_iter().find(|function| function.handler == handler);
        assert!(readable(&function.unwrap_or_else(|| panic!("no {handler}"))).is_empty(), "{handler}");
    }
}

#[test]
fn only_the_issuer_of_tokens_may_publish_their_keys() {
    let keys = json!({"dynamodb:LeadingKeys": ["token_keys"]});
    for function in functions(&load()) {
        let of = |effect: &str| {
            let is_it = |statement: &&Value| {
                statement["Effect"] == effect && statement["Resource"]["!GetAtt"] == "Data.Outputs.ConfigTableArn"
            };
            function.statements.iter().filter(is_it).cloned().collect::<Vec<_>>()
        };
        let (allowed, denied) = (of("Allow"), of("Deny"));
        if function.handler == "auth.token" {
            let publish = json!({"ForAllValues:StringEquals": keys});
            assert!(allowed.iter().any(|one| one["Action"] == "dynamodb:PutItem" && one["Condition"] == publish));
            continue;
        }
        let writes = |action: &str| allowed.iter().any(|one| one["Action"].to_string().contains(action));
        let all = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"];
        for action in all.into_iter().filter(|action| writes(action)) {
            let refuses = |one: &Value| {
                one["Action"].to_string().contains(action)
                    && one["Condition"] == json!({"ForAnyValue:StringEquals": keys})
            };
            assert!(denied.iter().any(refuses), "{} may {action} the public keys", function.id);
        }
    }
}

/// The ids of the keys that tokens are verified with.
async fn published(session: &Session<'_>) -> Vec<String> {
    let set = session.get("/.well-known/jwks.json").await;
    let keys = set["keys"].as_array().expect("keys").iter();
    keys.map(|key| key["kid"].as_str().expect("an id").to_owned()).collect()
}

/// Adds a key to a ring, and makes it current at once.
async fn rotate(config: &aws_config::SdkConfig, logical_id: &str) {
    let client = aws_sdk_secretsmanager::Client::new(config);
    let secrets = client.list_secrets().send().await.expect("a list");
    let named = |secret: &&aws_sdk_secretsmanager::types::SecretListEntry| {
        secret.name().is_some_and(|name| name.contains(&format!("-{logical_id}-")))
    };
    let secret = secrets.secret_list().iter().find(named).and_then(|secret| secret.arn()).expect("the secret");
    let ring = client.get_secret_value().secret_id(secret).send().await.expect("the ring");
    let rotated = RingText::rotated(ring.secret_string().expect("a text"), &Ports::system()).expect("rotates");
    client.put_secret_value().secret_id(secret).secret_string(&*rotated).send().await.expect("the ring is replaced");
}

#[tokio::test]
async fn running_functions_find_the_keys_of_a_rotation_at_once() {
    let stack = stack().await;
    let mut session = Session::start(stack, "rotating").await;
    let config = operator(stack).await;
    let partner = |id: &str| json!({"id": id, "name": id, "transport": "webhook"});
    session.post("/v1/partners", partner("before"), 201).await;
    assert_eq!(session.get("/v1/partners/before").await["id"], "before");
    let old = session.kid();
    assert_eq!(published(&session).await, [&*old]);

    for secret in ["KeysSecret", "TokenKeysSecret"] {
        rotate(&config, secret).await;
    }
    // New processes seal and sign with the new keys; those that open and verify run on.
    for handler in ["partners.create", "auth.token"] {
        stack.restart(handler).await;
    }
    session.post("/v1/partners", partner("after"), 201).await;
    let db = aws_sdk_dynamodb::Client::new(&config);
    let tables = db.list_tables().send().await.expect("a list");
    let table = tables.table_names().iter().find(|name| name.contains("ConfigTable")).expect("the table");
    let items = db.query().table_name(table).key_condition_expression("pk = :pk");
    let items = items.expression_attribute_values(":pk", AttributeValue::S("rotating#p#partners".to_owned()));
    let items = format!("{:?}", items.send().await.expect("partners").items());
    assert!(items.contains("v1.k1.") && items.contains("v1.k2."), "{items}");
    for id in ["before", "after"] {
        assert_eq!(session.get(&format!("/v1/partners/{id}")).await["id"], id);
    }
    session.sign_in().await;
    assert_ne!(session.kid(), old);
    assert_eq!(session.get("/v1/partners/after").await["id"], "after");
    let keys = published(&session).await;
    assert!(keys.len() == 2 && keys.contains(&old) && keys.contains(&session.kid()), "{keys:?}");
}
