//! Why a webhook had no response.

use crate::outbound::failure::{CONNECTION_FAILED, TIMEOUT, of_address, of_connection};

/// Why a request that was made had no response, as a constant phrase.
pub(in crate::outbound) fn of_request(error: &reqwest::Error) -> &'static str {
    if let Some(phrase) = of_address(error) {
        return phrase;
    }
    if error.is_timeout() {
        return TIMEOUT;
    }
    if error.is_builder() {
        return "invalid url";
    }
    let otherwise = if error.is_connect() { CONNECTION_FAILED } else { "request failed" };
    of_connection(error).unwrap_or(otherwise)
}
