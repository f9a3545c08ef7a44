//! ASN.1: reads BER where it lies, writes DER.

pub(crate) mod ber;
pub(crate) mod der;
pub(crate) mod oids;
#[cfg(test)]
pub(crate) mod tests;
