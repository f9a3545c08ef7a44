//! The patterns of `match` and `search`: I-Regexps (RFC 9485), and what the engine knows beside them without groups of
//! its own.

use regex::{Regex, RegexBuilder};

/// The most bytes of a compiled pattern.
const MAX_COMPILED_BYTES: usize = 64 * 1024;

/// Compiles a pattern that has to match the whole text, or a part of it.
pub(super) fn compile(pattern: &str, whole: bool) -> Result<Regex, String> {
    let body = translated(pattern)?;
    let source = if whole { format!("^(?:{body})$") } else { body };
    let compiled =
        RegexBuilder::new(&source).size_limit(MAX_COMPILED_BYTES).dfa_size_limit(1 << 20).nest_limit(16).build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        _ => "the pattern is no regular expression".to_owned(),
    })
}

/// A dot does not match a line's end, of either kind.
fn translated(pattern: &str) -> Result<String, String> {
    let (mut out, mut in_class) = (String::with_capacity(pattern.len() + 16), false);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            '.' if !in_class => out.push_str("[^\\n\\r]"),
            '(' if !in_class && chars.peek() == Some(&'?') => return Err("a pattern has no groups with (?".to_owned()),
            _ => {
                in_class = (in_class || c == '[') && c != ']';
                out.push(c);
            }
        }
    }
    Ok(out)
}
