//! AS2 (RFC 4130, 5402) and the envelopes of EDI: bytes and headers in, bytes and headers out. No I/O, no clock, no
//! logging.
//!
//! - [`Outgoing`] makes a message, [`open`] opens one: both say its [`Mic`].
//! - [`receipt::Receipt`] makes a receipt, [`receipt::read`] reads one, and
//!   [`receipt::ReceivedReceipt::judge`] compares it with what was sent.
//! - [`Identity`] is our key, [`Certificate`] a partner's.
//! - [`edi::read`] tells what an X12 or EDIFACT document is.

mod algorithms;
mod as2_name;
mod asn1;
mod cms;
pub mod edi;
mod fault;
pub mod keys;
mod limits;
mod message;
mod mic;
mod mime;
pub mod receipt;

pub use algorithms::{Cipher, Digest, KeyTransport};
pub use as2_name::{As2Name, NameError};
pub use fault::{Fault, Modifier};
pub use keys::{Certificate, Identity, KeyError};
pub use limits::Limits;
pub use message::{
    Document, Encryption, Envelope, Outgoing, Policy, Protections, ReceiptRequest, ReceiptWish, Received, Recipient,
    Sent, open,
};
pub use mic::Mic;
pub use mime::headers::Headers;
