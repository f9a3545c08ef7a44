//! A queue's attributes: their ranges, their defaults, and the redrive policy.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};
use crate::{ACCOUNT, REGION};

/// 1 MiB, for one message and for one batch (AWS raised it from 256 KiB in 2025).
pub(crate) const MAX_MESSAGE_BYTES: i64 = 1_048_576;
/// The longest visibility timeout: 12 hours.
pub(crate) const MAX_VISIBILITY: i64 = 43_200;
/// The longest delay of a message: 15 minutes.
pub(crate) const MAX_DELAY: i64 = 900;
/// The longest long poll.
pub(crate) const MAX_WAIT: i64 = 20;

/// Attributes AWS knows and this server accepts without acting on them.
const IGNORED: [&str; 5] =
    ["Policy", "RedriveAllowPolicy", "SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"];

/// The attributes of a queue; times in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) visibility: i64,
    pub(crate) delay: i64,
    pub(crate) wait: i64,
    pub(crate) retention: i64,
    pub(crate) max_bytes: i64,
    pub(crate) redrive: Option<Redrive>,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redrive {
    /// The name of the dead letter queue.
    pub(crate) target: String,
    pub(crate) max_receives: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self { visibility: 30, delay: 0, wait: 0, retention: 345_600, max_bytes: MAX_MESSAGE_BYTES, redrive: None }
    }
}

impl Config {
    /// Sets what `attributes` names and leaves the rest.
    pub(crate) fn apply(&mut self, attributes: &HashMap<String, String>) -> Result<(), Fault> {
        for (name, value) in attributes {
            match name.as_str() {
                "VisibilityTimeout" => self.visibility = number(name, value, 0, MAX_VISIBILITY)?,
                "DelaySeconds" => self.delay = number(name, value, 0, MAX_DELAY)?,
                "ReceiveMessageWaitTimeSeconds" => self.wait = number(name, value, 0, MAX_WAIT)?,
                "MessageRetentionPeriod" => self.retention = number(name, value, 60, 1_209_600)?,
                "MaximumMessageSize" => {
                    self.max_bytes = number(name, value, 1024, MAX_MESSAGE_BYTES)?;
                }
                "RedrivePolicy" if value.is_empty() => self.redrive = None,
                "RedrivePolicy" => self.redrive = Some(redrive(value)?),
                ignored if IGNORED.contains(&ignored) => {}
                _ => {
                    let message = format!("Unknown Attribute {name}.");
                    return Err(Fault::new(Code::InvalidAttributeName, message));
                }
            }
        }
        Ok(())
    }
}

fn number(name: &str, value: &str, least: i64, most: i64) -> Result<i64, Fault> {
    match value.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(bad_value(name)),
    }
}

fn bad_value(name: &str) -> Fault {
    let message = format!("Invalid value for the parameter {name}.");
    Fault::new(Code::InvalidAttributeValue, message)
}

/// The ARN of the queue of that name.
pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

fn redrive(policy: &str) -> Result<Redrive, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Policy {
        dead_letter_target_arn: String,
        max_receive_count: serde_json::Value,
    }
    let bad = || bad_value("RedrivePolicy");
    let policy: Policy = serde_json::from_str(policy).map_err(|_| bad())?;
    // AWS takes the count as a number and as a string of digits.
    let max_receives = match &policy.max_receive_count {
        serde_json::Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    };
    let max_receives = max_receives.filter(|count| (1..=1000).contains(count)).ok_or_else(bad)?;
    let prefix = arn("");
    let target = policy.dead_letter_target_arn.strip_prefix(&prefix).ok_or_else(bad)?;
    Ok(Redrive { target: target.to_owned(), max_receives })
}

impl Redrive {
    /// The policy as `GetQueueAttributes` shows it.
    pub(crate) fn to_json(&self) -> String {
        serde_json::json!({
            "deadLetterTargetArn": arn(&self.target),
            "maxReceiveCount": self.max_receives,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(name: &str, value: &str) -> Result<Config, Code> {
        let mut config = Config::default();
        let attributes = HashMap::from([(name.to_owned(), value.to_owned())]);
        config.apply(&attributes).map(|()| config).map_err(|fault| fault.code)
    }

    #[test]
    fn ranges_are_those_of_aws() {
        assert_eq!(apply("DelaySeconds", "900").map(|config| config.delay), Ok(900));
        for (name, value) in [
            ("DelaySeconds", "901"),
            ("VisibilityTimeout", "-1"),
            ("ReceiveMessageWaitTimeSeconds", "21"),
            ("MessageRetentionPeriod", "59"),
            ("MaximumMessageSize", "1048577"),
            ("MaximumMessageSize", "much"),
        ] {
            assert_eq!(apply(name, value), Err(Code::InvalidAttributeValue), "{name}={value}");
        }
        assert_eq!(apply("Colour", "red"), Err(Code::InvalidAttributeName));
    }

    #[test]
    fn a_redrive_policy_names_a_queue_of_this_account() {
        let policy = |account: &str, count: &str| {
            format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:{account}:dead","maxReceiveCount":{count}}}"#)
        };
        let wanted = Some(Redrive { target: "dead".to_owned(), max_receives: 3 });
        for count in ["3", "\"3\""] {
            let applied = apply("RedrivePolicy", &policy(ACCOUNT, count));
            assert_eq!(applied.map(|config| config.redrive), Ok(wanted.clone()));
        }
        for bad in [policy("111111111111", "3"), policy(ACCOUNT, "0"), "\"text\"".to_owned()] {
            assert_eq!(apply("RedrivePolicy", &bad), Err(Code::InvalidAttributeValue), "{bad}");
        }
    }
}
