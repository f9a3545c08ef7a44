//! Receipt handles: which message, and which receive of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::fault::{Code, Fault};

const LENGTH: usize = 24;

/// Names one receive of one message. The handle of an earlier receive no longer matches the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The database that gave it: row numbers start anew in a fresh one.
    pub(crate) instance: u64,
    pub(crate) row: i64,
    pub(crate) receive: i64,
}

impl Receipt {
    pub(crate) fn encode(self) -> String {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&self.instance.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.row.to_be_bytes());
        bytes[16..].copy_from_slice(&self.receive.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn decode(handle: &str) -> Result<Self, Fault> {
        if handle.is_empty() {
            return Err(Fault::missing("ReceiptHandle"));
        }
        let bytes = URL_SAFE_NO_PAD.decode(handle).map_err(|_| invalid())?;
        let word = |from: usize| {
            let slice = bytes.get(from..from + 8)?;
            Some(u64::from_be_bytes(slice.try_into().ok()?))
        };
        match (bytes.len(), word(0), word(8), word(16)) {
            (LENGTH, Some(instance), Some(row), Some(receive)) => {
                Ok(Self { instance, row: row.cast_signed(), receive: receive.cast_signed() })
            }
            _ => Err(invalid()),
        }
    }
}

/// A handle that no receive of this database has given out.
pub(crate) fn invalid() -> Fault {
    Fault::new(Code::ReceiptHandleIsInvalid, "The input receipt handle is invalid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_comes_back_as_it_was() {
        let receipt = Receipt { instance: u64::MAX - 1, row: 42, receive: 3 };
        assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        let code = |handle: &str| Receipt::decode(handle).map_err(|fault| fault.code);
        assert_eq!(code(""), Err(Code::MissingParameter));
        assert_eq!(code("not a handle"), Err(Code::ReceiptHandleIsInvalid));
        assert_eq!(code("AAAA"), Err(Code::ReceiptHandleIsInvalid));
    }
}
