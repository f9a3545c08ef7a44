//! AS2 messages: made for a partner, and opened from one.

mod envelope;
#[cfg(test)]
mod fuzz;
mod layer;
mod open;
#[cfg(test)]
mod oracles;
mod outgoing;
#[cfg(test)]
pub(crate) mod tests;

pub use envelope::{Envelope, ReceiptRequest};
pub use open::{Document, Policy, Protections, Received, Recipient, open};
pub use outgoing::{Encryption, Outgoing, ReceiptWish, Sent};

pub(crate) use layer::signed_part;
pub(crate) use outgoing::{Signing, as2_headers, boundary, sign_entity};
