//! Mappings.

mod decimal;
pub mod path;
