//! What can go wrong with a call, and how often it does.

use std::time::Duration;

use fastrand::Rng;

/// What goes wrong with one attempt of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is refused: too many requests.
    Throttled,
    /// It is refused: the service is not well.
    Unavailable,
    /// It waits before it is carried out.
    Slow(Duration),
    /// It is carried out, and its answer never comes.
    AnswerLost,
    /// The connection was dead: nothing was carried out.
    ConnectionDead,
    /// A transaction on the same item is under way.
    TransactionConflict,
    /// Nothing of a batch was carried out.
    Unprocessed,
    /// A page ends early.
    ShortPage(u8),
    /// A message is sent twice.
    Repeated,
    /// A message comes later than those after it.
    Late,
}

/// Each in a thousand attempts of the operations that know it.
const SHARES: [(Kind, u32); 10] = [
    (Kind::Throttled, 15),
    (Kind::Unavailable, 10),
    (Kind::Slow, 20),
    (Kind::AnswerLost, 15),
    (Kind::ConnectionDead, 10),
    (Kind::TransactionConflict, 15),
    (Kind::Unprocessed, 200),
    (Kind::ShortPage, 200),
    (Kind::Repeated, 50),
    (Kind::Late, 50),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Throttled,
    Unavailable,
    Slow,
    AnswerLost,
    ConnectionDead,
    TransactionConflict,
    Unprocessed,
    ShortPage,
    Repeated,
    Late,
}

impl Kind {
    /// Whether it can happen to an operation.
    fn befalls(self, operation: &str) -> bool {
        match self {
            Self::TransactionConflict => {
                matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems")
            }
            Self::Unprocessed => operation == "BatchWriteItem",
            Self::ShortPage => operation == "Query",
            Self::Repeated | Self::Late => matches!(operation, "SendMessage" | "SendMessageBatch"),
            // A message that was received and whose answer was lost comes again after its visibility timeout, which is
            // minutes: no test waits for it.
            Self::AnswerLost => operation != "ReceiveMessage",
            Self::Throttled | Self::Unavailable | Self::Slow | Self::ConnectionDead => true,
        }
    }
}

impl Fault {
    pub(super) fn of(rng: &mut Rng, operation: &str) -> Option<Self> {
        let (kind, _) =
            SHARES.into_iter().find(|(kind, share)| kind.befalls(operation) && rng.u32(0..1_000) < *share)?;
        Some(match kind {
            Kind::Throttled => Self::Throttled,
            Kind::Unavailable => Self::Unavailable,
            // Most waits are short, some are longer than an attempt may take.
            Kind::Slow => Self::Slow(Duration::from_secs_f64(3.0 * rng.f64().powi(3))),
            Kind::AnswerLost => Self::AnswerLost,
            Kind::ConnectionDead => Self::ConnectionDead,
            Kind::TransactionConflict => Self::TransactionConflict,
            Kind::Unprocessed => Self::Unprocessed,
            Kind::ShortPage => Self::ShortPage(rng.u8(1..=5)),
            Kind::Repeated => Self::Repeated,
            Kind::Late => Self::Late,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unavailable => "service unavailable",
            Self::Slow(_) => "slow",
            Self::AnswerLost => "answer lost",
            Self::ConnectionDead => "connection dead",
            Self::TransactionConflict => "transaction conflict",
            Self::Unprocessed => "unprocessed items",
            Self::ShortPage(_) => "short page",
            Self::Repeated => "message repeated",
            Self::Late => "message late",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_and_a_seed_repeats_them() {
        let faults = |seed| -> Vec<Option<Fault>> {
            let mut rng = Rng::with_seed(seed);
            let operations = ["PutItem", "Query", "BatchWriteItem", "SendMessageBatch", "ReceiveMessage", "GetItem"];
            (0..6_000).map(|n| Fault::of(&mut rng, operations[n % operations.len()])).collect()
        };
        let all: std::collections::BTreeSet<&str> = faults(1).into_iter().flatten().map(Fault::name).collect();
        assert_eq!(all.len(), SHARES.len(), "{all:?}");
        assert_eq!(faults(1), faults(1));
        assert_ne!(faults(1), faults(2));
    }

    #[test]
    fn operations_suffer_what_aws_does_to_them() {
        let mut rng = Rng::with_seed(7);
        let receives: Vec<Fault> = (0..10_000).filter_map(|_| Fault::of(&mut rng, "ReceiveMessage")).collect();
        assert!(!receives.iter().any(|fault| matches!(fault, Fault::AnswerLost | Fault::TransactionConflict)));
    }
}
