//! Which events a route asks for: by entity, by event name, by content.

use serde::{Deserialize, Serialize};

use super::document::QUEUED;
use super::event::{entity, is_operational};
use super::expression::{Expression, ExpressionError, Facts};

/// A filter as a user registers it. The two lists match as a union; none or empty sets no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterConditions {
    /// Entities, `*` is a wildcard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["order"]))]
    pub entity_filter: Vec<String>,
    /// Event names, `*` is a wildcard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["order.created"]))]
    pub event_filter: Vec<String>,
    /// A CEL expression over the events that the lists match. Its variables are `payload`, `name`,
    /// `entity`, `published_at`, `partner_id` and `document_type`. An event about which it cannot be evaluated, such
    /// as one that lacks a field, does not match; `has()` tests for a field. Its cost is bounded: at most 2,048 bytes,
    /// and a loop inside a loop can only go through a part of the outer one's variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!("payload.total > 100 && payload.lines.exists(l, l.sku == 'A-1')"))]
    pub payload_filter: Option<String>,
}

/// The most entries of one list.
pub const MAX_ENTRIES: usize = 1_000;

impl FilterConditions {
    /// Its first error: a pointer below the filter, and words. Expressions recurse: to be called on a thread with a
    /// large stack.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let lists = [("entity_filter", &self.entity_filter), ("event_filter", &self.event_filter)];
        let mut found = Vec::new();
        for (name, entries) in lists {
            if entries.len() > MAX_ENTRIES {
                found.push((format!("/{name}"), format!("at most {MAX_ENTRIES} entries")));
                continue;
            }
            for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| !is_pattern(entry)) {
                let shown: String = entry.chars().take(40).collect();
                found.push((format!("/{name}/{index}"), format!("{shown:?} is not 1 to 128 of [A-Za-z0-9_.*-]")));
            }
        }
        let expression = self.payload_filter.as_deref().map(Expression::compile);
        if let Some(Err(error)) = expression {
            found.push(("/payload_filter".to_owned(), error.to_string()));
        }
        found
    }

    /// Prepares it for matching many events; on a thread with a large stack, where it has an expression.
    #[must_use]
    pub fn compile(&self) -> Filter {
        let content = self.payload_filter.as_deref().map_or(Content::Any, |text| {
            Expression::compile(text).map_or_else(Content::Refused, |expression| Content::Like(Box::new(expression)))
        });
        Filter { entities: Patterns::new(&self.entity_filter), events: Patterns::new(&self.event_filter), content }
    }
}

fn is_pattern(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-*".contains(&b))
}

/// A filter ready to match.
#[derive(Debug)]
pub struct Filter {
    entities: Patterns,
    events: Patterns,
    content: Content,
}

/// A filter's condition on the content.
#[derive(Debug)]
enum Content {
    /// Nothing.
    Any,
    /// It is such that this is true.
    Like(Box<Expression>),
    /// It was accepted once and no longer compiles: nothing matches until it is changed.
    Refused(ExpressionError),
}

impl Filter {
    /// Whether it looks at the content: then it recurses, and is to be asked on a thread with a large stack.
    #[must_use]
    pub fn reads_content(&self) -> bool {
        matches!(self.content, Content::Like(_))
    }

    /// Why a filter that was accepted once no longer compiles.
    #[must_use]
    pub fn refusal(&self) -> Option<&ExpressionError> {
        match &self.content {
            Content::Refused(error) => Some(error),
            Content::Any | Content::Like(_) => None,
        }
    }

    /// Whether the route asks for this event.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.matches_name(&facts.event().name)
            && match &self.content {
                Content::Any => true,
                Content::Like(expression) => expression.matches(facts),
                Content::Refused(_) => false,
            }
    }

    /// Whether the route asks for every event of this name, or for none; `None` where that depends on the content.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<bool> {
        let named = self.matches_name(name);
        match &self.content {
            Content::Any => Some(named),
            Content::Like(_) => (!named).then_some(false),
            Content::Refused(_) => Some(false),
        }
    }

    /// Whether the two lists let this event name through. Some events are for those alone that ask for
    /// them.
    #[must_use]
    pub fn matches_name(&self, name: &str) -> bool {
        if name == QUEUED {
            // No wildcard means what has a document sent.
            return self.events.exact.contains(name);
        }
        let no_limit = self.entities.is_empty() && self.events.is_empty();
        (no_limit && !is_operational(name)) || self.entities.contain(entity(name)) || self.events.contain(name)
    }
}

/// A list of names and wildcards: names are looked up, wildcards are tried.
#[derive(Clone, Debug)]
struct Patterns {
    exact: std::collections::HashSet<Box<str>>,
    wild: Vec<Box<str>>,
}

impl Patterns {
    fn new(entries: &[String]) -> Self {
        let (wild, exact): (Vec<&String>, Vec<&String>) = entries.iter().partition(|entry| entry.contains('*'));
        Self {
            exact: exact.into_iter().map(|entry| entry.as_str().into()).collect(),
            wild: wild.into_iter().map(|entry| entry.as_str().into()).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wild.is_empty()
    }

    fn contain(&self, name: &str) -> bool {
        self.exact.contains(name) || self.wild.iter().any(|pattern| wildcard(pattern.as_bytes(), name.as_bytes()))
    }
}

/// Matches `*` as any run of bytes; linear in the common case and never worse than the product of the lengths.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            // Let the last star take one byte more and try again from there.
            p = star_p + 1;
            t = star_t + 1;
            star = Some((star_p, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter(entities: &[&str], events: &[&str]) -> Filter {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        FilterConditions { entity_filter: own(entities), event_filter: own(events), payload_filter: None }.compile()
    }

    #[test]
    fn the_lists_are_a_union() {
        let both = filter(&["order"], &["return.created"]);
        assert!(both.matches_name("order.cancelled") && both.matches_name("return.created"));
        assert!(!both.matches_name("return.closed") && !both.matches_name("orders.created"));
        assert!(filter(&[], &[]).matches_name("anything"));
        assert!(filter(&["*"], &[]).matches_name("anything.at.all"));
        assert!(filter(&[], &["order.*"]).matches_name("order.created"));
        assert!(!filter(&[], &["order.*"]).matches_name("orders.created"));
        assert!(filter(&["pull_*"], &[]).matches_name("pull_request.opened"));
        // One list alone is a limit, be it of names or of wildcards.
        for one in [filter(&["order"], &[]), filter(&["ord*"], &[]), filter(&[], &["order.a"]), filter(&[], &["o*a"])] {
            assert!(one.matches_name("order.a") && !one.matches_name("return.b"), "{one:?}");
        }
    }

    #[test]
    fn content_narrows_what_the_lists_let_through() {
        let event = crate::chunk::tests::event("1", r#"{"total":2}"#);
        let check = move |entity: &str, payload_filter: Option<&str>| {
            let conditions = FilterConditions {
                entity_filter: vec![entity.to_owned()],
                payload_filter: payload_filter.map(str::to_owned),
                ..FilterConditions::default()
            };
            let event = event.clone();
            crate::deep::run(move || {
                let filter = conditions.compile();
                let matched = filter.matches(&Facts::of(&event));
                assert_eq!(filter.refusal().is_some(), !conditions.problems().is_empty());
                assert!(filter.by_name(&event.name).is_none_or(|asked| asked == matched), "{filter:?}");
                assert!(filter.by_name(&event.name).is_some() || filter.reads_content(), "{filter:?}");
                (filter.reads_content(), filter.refusal().is_some(), matched)
            })
        };
        assert_eq!(check("order", None), (false, false, true));
        assert_eq!(check("return", None), (false, false, false));
        assert_eq!(check("order", Some("payload.total == 2")), (true, false, true));
        assert_eq!(check("order", Some("payload.total == 3")), (true, false, false));
        assert_eq!(check("return", Some("payload.total == 2")), (true, false, false));
        // One that no longer compiles matches nothing until it is changed.
        assert_eq!(check("order", Some("payload.total ==")), (false, true, false));
    }

    #[test]
    fn bad_entries_are_pointed_at() {
        let conditions: FilterConditions =
            serde_json::from_str(r#"{"entity_filter":["ok","not ok"],"event_filter":[""]}"#).expect("parses");
        let pointers: Vec<String> = conditions.problems().into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/entity_filter/1", "/event_filter/0"]);
        let pointers = |conditions: FilterConditions| {
            crate::deep::run(move || conditions.problems()).into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>()
        };
        let list = |length| vec!["a".repeat(128); length];
        assert_eq!(pointers(FilterConditions { event_filter: list(1_000), ..Default::default() }), [""; 0]);
        assert_eq!(pointers(FilterConditions { event_filter: list(1_001), ..Default::default() }), ["/event_filter"]);
        assert_eq!(
            pointers(FilterConditions { entity_filter: vec!["a".repeat(129)], ..Default::default() }),
            ["/entity_filter/0"]
        );
        assert_eq!(
            pointers(FilterConditions { payload_filter: Some("payload.".to_owned()), ..Default::default() }),
            ["/payload_filter"]
        );
    }

    proptest! {
        #[test]
        fn wildcards_agree_with_a_plain_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            fn plain(p: &[u8], t: &[u8]) -> bool {
                match (p.split_first(), t.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), None) => plain(rest, t),
                    (Some((b'*', rest)), Some((_, tail))) => plain(rest, t) || plain(p, tail),
                    (Some((a, rest)), Some((b, tail))) => a == b && plain(rest, tail),
                    _ => false,
                }
            }
            prop_assert_eq!(wildcard(pattern.as_bytes(), text.as_bytes()), plain(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
