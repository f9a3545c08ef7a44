//! What no error may tell, although a system's response may repeat it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::escape;
use crate::domain::sealed::MASK;

/// Shorter texts are no secrets, and hiding them would make every error unreadable.
const MIN_LENGTH: usize = 4;
/// How many access tokens are remembered: they come and go.
const MAX_TOKENS: usize = 4;

/// Secrets, as they are and as a URL writes them.
#[derive(Default)]
pub(super) struct Secrets {
    fixed: Vec<Zeroizing<String>>,
    tokens: Mutex<VecDeque<Zeroizing<String>>>,
}

impl Secrets {
    /// Adds a secret.
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() >= MIN_LENGTH {
            self.fixed.push(Zeroizing::new(secret.to_owned()));
            self.fixed.push(Zeroizing::new(escape(secret)));
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
        secrets.add("se/cret");
        secrets.add("a");
        (0..100).for_each(|n| secrets.add_token(&format!("token-{n}")));
        assert_eq!(secrets.hide("a: se/cret, se%2Fcret, token-99"), format!("a: {MASK}, {MASK}, {MASK}"));
    }
}
