//! Documents by AS2, both ways.

mod bad_messages;
mod envelopes;
mod inbound;
mod large;
mod outbound;
mod pyas2;
mod receipts;
mod rollover;
mod servers;

/// An invoice as X12 has it.
pub(crate) const INVOICE: &[u8] =
    b"ISA*00*          *00*          *ZZ*US             *ZZ*THEM           *261127*1000*U*00401*000000905*0*P*>~\
GS*IN*US*THEM*20261127*1000*77*X*004010~ST*810*0001~BIG*20261127*1~SE*3*0001~GE*1*77~IEA*1*000000905~";

/// A shipment whose group has the invoice's number, for groups of its kind are counted apart.
pub(crate) const SHIPMENT: &[u8] =
    b"ISA*00*          *00*          *ZZ*US             *ZZ*THEM           *261127*1000*U*00401*000000906*0*P*>~\
GS*SH*US*THEM*20261127*1000*77*X*004010~ST*856*0001~BSN*00*1*20261127*1000~SE*3*0001~GE*1*77~IEA*1*000000906~";

/// What acknowledges the invoice.
pub(crate) const ACKNOWLEDGMENT: &[u8] =
    b"ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *261127*1001*U*00401*000000007*0*P*>~\
GS*FA*THEM*US*20261127*1001*7*X*004010~ST*997*0001~AK1*IN*77~AK2*810*0001~AK5*A~AK9*A*1*1*1~SE*6*0001~GE*1*7~IEA*1*000000007~";
