//! The parser of a path's filter.

use super::parse::{Parsed, Parser};
use super::{Comparison, Matches, Operand, Query, Test, pattern};
use crate::mapping::decimal::Decimal;
use crate::value::Value;

/// A part of a condition, before it is known what stands beside it.
enum Part {
    Query(Query),
    Operand(Operand),
    Matches(Matches),
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Parser<'_> {
    /// `a || b`.
    pub(super) fn any(&mut self) -> Parsed<Test> {
        let first = self.all()?;
        let mut tests = vec![first];
        while self.operator("||") {
            tests.push(self.all()?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::Any(tests) })
    }

    /// `a && b`.
    fn all(&mut self) -> Parsed<Test> {
        let first = self.basic()?;
        let mut tests = vec![first];
        while self.operator("&&") {
            tests.push(self.basic()?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) })
    }

    /// An operator with blanks around it.
    fn operator(&mut self, operator: &str) -> bool {
        let before = self.at;
        self.skip_blanks();
        let found = self.eat(operator);
        if found {
            self.skip_blanks()
        } else {
            self.at = before
        }
        found
    }

    fn basic(&mut self) -> Parsed<Test> {
        if self.eat("!") {
            self.skip_blanks();
            let test = if self.peek() == Some('(') { self.parenthesised()? } else { self.lone_test()? };
            return Ok(Test::Not(Box::new(test)));
        }
        if self.peek() == Some('(') {
            return self.parenthesised();
        }
        let start = self.at;
        let left = self.part()?;
        let after = self.at;
        self.skip_blanks();
        let Some((token, comparison)) = COMPARISONS.iter().find(|(token, _)| self.rest().starts_with(token)) else {
            self.at = after;
            return self.test_of(left, start);
        };
        let left = self.comparable(left, start)?;
        self.at += token.len();
        self.skip_blanks();
        let start = self.at;
        let right = self.part()?;
        Ok(Test::Compare(left, *comparison, self.comparable(right, start)?))
    }

    fn parenthesised(&mut self) -> Parsed<Test> {
        self.nested(|parser| {
            parser.expect("(")?;
            parser.skip_blanks();
            let test = parser.any()?;
            parser.skip_blanks();
            parser.expect(")")?;
            Ok(test)
        })
    }

    fn lone_test(&mut self) -> Parsed<Test> {
        let start = self.at;
        let part = self.part()?;
        self.test_of(part, start)
    }

    fn test_of(&mut self, part: Part, start: usize) -> Parsed<Test> {
        match part {
            Part::Query(query) => Ok(Test::Exists(query)),
            Part::Matches(matches) => Ok(Test::Matches(Box::new(matches))),
            Part::Operand(_) => {
                self.at = start;
                self.refuse("a value must be compared with another")
            }
        }
    }

    fn comparable(&mut self, part: Part, start: usize) -> Parsed<Operand> {
        let reason = match part {
            Part::Operand(operand) => return Ok(operand),
            Part::Query(query) if query.is_singular() => return Ok(Operand::Singular(query)),
            Part::Query(_) => "only a path to a single node can be compared",
            Part::Matches(_) => "match and search cannot be compared",
        };
        self.at = start;
        self.refuse(reason)
    }

    fn part(&mut self) -> Parsed<Part> {
        match self.peek() {
            Some('@' | '$') => self.query().map(Part::Query),
            Some('\'' | '"') => Ok(Part::Operand(Operand::Literal(Value::String(self.string()?)))),
            Some('-' | '0'..='9') => self.number().map(|number| Part::Operand(Operand::Literal(number))),
            Some('a'..='z') => self.word(),
            _ => self.refuse("expected a path, a literal or a function"),
        }
    }

    fn query(&mut self) -> Parsed<Query> {
        let absolute = self.peek() == Some('$');
        self.at += 1;
        Ok(Query { absolute, segments: self.segments()? })
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        let text = self.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')).to_owned();
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let leading_zero = digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit());
        if !digits.starts_with(|c: char| c.is_ascii_digit()) || leading_zero || Decimal::parse(&text).is_none() {
            self.at = start;
            return self.refuse("not a number");
        }
        Ok(Value::Number(text))
    }

    /// `true`, `false`, `null` or a function.
    fn word(&mut self) -> Parsed<Part> {
        let start = self.at;
        let word = self.take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_').to_owned();
        if self.peek() == Some('(') {
            return self.nested(|parser| parser.function(&word, start));
        }
        let value = match word.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => {
                self.at = start;
                return self.refuse("expected a path, a literal or a function");
            }
        };
        Ok(Part::Operand(Operand::Literal(value)))
    }

    fn function(&mut self, name: &str, start: usize) -> Parsed<Part> {
        self.expect("(")?;
        self.skip_blanks();
        let part = match name {
            "length" => Part::Operand(Operand::Length(Box::new(self.value_argument()?))),
            "count" => Part::Operand(Operand::Count(self.nodes_argument()?)),
            "value" => Part::Operand(Operand::ValueOf(self.nodes_argument()?)),
            "match" => Part::Matches(self.matches(true)?),
            "search" => Part::Matches(self.matches(false)?),
            _ => {
                self.at = start;
                return self.refuse("the functions are length, count, value, match and search");
            }
        };
        self.skip_blanks();
        self.expect(")")?;
        Ok(part)
    }

    fn value_argument(&mut self) -> Parsed<Operand> {
        let start = self.at;
        let part = self.part()?;
        self.comparable(part, start)
    }

    fn nodes_argument(&mut self) -> Parsed<Query> {
        if matches!(self.peek(), Some('@' | '$')) { self.query() } else { self.refuse("expected a path") }
    }

    fn matches(&mut self, whole: bool) -> Parsed<Matches> {
        let text = self.value_argument()?;
        self.skip_blanks();
        self.expect(",")?;
        self.skip_blanks();
        let start = self.at;
        if !matches!(self.peek(), Some('\'' | '"')) {
            return self.refuse("the pattern must be a literal");
        }
        let source = self.string()?;
        match pattern::compile(&source, whole) {
            Ok(pattern) => Ok(Matches { text, pattern }),
            Err(reason) => {
                self.at = start;
                self.refuse(reason)
            }
        }
    }
}
