//! Exchanges messages and receipts with other AS2 programs, in both directions: bytes through files instead of HTTP.

mod libas2;
mod openssl;
mod partner;
mod pyas2lib;
