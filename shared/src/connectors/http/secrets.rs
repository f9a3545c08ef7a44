//! What no error may tell, although a system's response may repeat it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::escape;
use crate::domain::sealed::MASK;

/// Shorter texts are no secrets, and hiding them would make every error unreadable.
const MIN_LENGTH: usize = 4;
/// How many access tokens are remembered: they come and go.
const MAX_TOKENS: usize = 4;

/// Secrets, as they are and as URLs, forms and JSON write them.
#[derive(Default)]
pub(super) struct Secrets {
    fixed: Vec<Zeroizing<String>>,
    tokens: Mutex<VecDeque<Zeroizing<String>>>,
}

impl Secrets {
    /// Adds a secret.
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() < MIN_LENGTH {
            return;
        }
        let quoted = serde_json::Value::from(secret).to_string();
        let forms = [secret.to_owned(), escape(secret), byte_serialize(secret.as_bytes()).collect(), quoted];
        for form in forms.map(|form| Zeroizing::new(form.trim_matches('"').to_owned())) {
            if !self.fixed.contains(&form) {
                self.fixed.push(form);
            }
        }
    }

    /// Adds an access token.
    pub(super) fn add_token(&self, token: &str) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.back().is_none_or(|last| **last != token) && token.len() >= MIN_LENGTH {
            tokens.push_back(Zeroizing::new(token.to_owned()));
            if tokens.len() > MAX_TOKENS {
                tokens.pop_front();
            }
        }
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.fixed.iter().chain(tokens.iter());
        all.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_form() {
        let mut secrets = Secrets::default();
        secrets.add("se/cr\\et x");
        secrets.add("a");
        (0..100).for_each(|n| secrets.add_token(&format!("token-{n}")));
        for form in ["se/cr\\et x", "se%2Fcr%5Cet%20x", "se%2Fcr%5Cet+x", "se/cr\\\\et x", "token-99"] {
            assert_eq!(secrets.hide(&format!("a: {form}.")), format!("a: {MASK}."), "{form}");
        }
    }
}
