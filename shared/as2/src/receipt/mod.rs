//! Receipts (MDN, RFC 3798): made for what we received, and read for what we sent.

mod build;
mod disposition;
mod judge;
mod read;
#[cfg(test)]
pub(crate) mod tests;

pub use build::{Receipt, ReceiptMessage};
pub use disposition::Disposition;
pub use judge::{Expected, Verdict};
pub use read::{ReceivedReceipt, SignatureState, looks_like_receipt, read};
