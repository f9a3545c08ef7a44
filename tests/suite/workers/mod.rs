//! Workers as AWS has them: in many processes at once, with calls that end before their work does.

mod dispatch;
mod export;
mod leases;
mod ordered;
mod shares;
mod tick;
