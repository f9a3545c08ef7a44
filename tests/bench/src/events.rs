//! Events as a shop's systems would publish them: about 1 KB each, no two alike.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::words::{ADJECTIVES, CARRIERS, CITIES, COLOURS, FIRST, LAST, NOUNS, REMARKS, STREETS};

/// Makes events: the same ones for the same seed.
pub(crate) struct Generator {
    state: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let place = self.below(from.len() as u64);
        from[usize::try_from(place).unwrap_or_default()]
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let (third, fourth) = ((a & 0xfff) | 0x4000, (b >> 48 & 0x3fff) | 0x8000);
        format!("{:08x}-{:04x}-{third:04x}-{fourth:04x}-{:012x}", a >> 32, a >> 16 & 0xffff, b & 0xffff_ffff_ffff)
    }

    fn day(&mut self) -> String {
        format!("2026-{:02}-{:02}", 1 + self.below(12), 1 + self.below(28))
    }

    fn time(&mut self) -> String {
        let day = self.day();
        format!("{day}T{:02}:{:02}:{:02}.{:03}Z", self.below(24), self.below(60), self.below(60), self.below(1_000))
    }

    fn amount(&mut self, most: u64) -> String {
        format!("{}.{:02}", 1 + self.below(most), self.below(100))
    }

    fn remark(&mut self, words: usize) -> String {
        (0..words).map(|_| self.pick(&REMARKS)).collect::<Vec<_>>().join(" ")
    }

    fn party(&mut self) -> String {
        let (first, last, (city, country)) = (self.pick(&FIRST), self.pick(&LAST), self.pick(&CITIES));
        format!(
            r#"{{"id":"{}","first_name":"{first}","last_name":"{last}","email":"{}.{}{}@example.com","phone":"+{} {}","address":{{"street":"{} {}","postal_code":"{:05}","city":"{city}","country":"{country}"}}}}"#,
            self.uuid(),
            first.to_lowercase(),
            last.to_lowercase(),
            self.below(1_000),
            30 + self.below(60),
            100_000_000 + self.below(899_999_999),
            self.pick(&STREETS),
            1 + self.below(180),
            self.below(99_999),
        )
    }

    /// Lines of products until the text is about as long as it should be.
    fn lines(&mut self, text: &mut String, until: usize) {
        let mut number = 0;
        while number == 0 || text.len() < until {
            let comma = if number == 0 { "" } else { "," };
            number += 1;
            let (sku, price) = (1_000_000_000 + self.below(8_999_999_999), self.amount(240));
            let _ = write!(
                text,
                r#"{comma}{{"line":{number},"sku":"{sku}","title":"{} {} {}","size":"{}","quantity":{},"unit_price":{price},"tax_rate":{}}}"#,
                self.pick(&ADJECTIVES),
                self.pick(&COLOURS),
                self.pick(&NOUNS),
                self.pick(&["XS", "S", "M", "L", "XL", "38", "42"]),
                1 + self.below(4),
                self.pick(&["0.19", "0.22", "0.07", "0.25", "0.2"]),
            );
        }
    }

    fn order(&mut self, size: usize) -> (&'static str, String) {
        let mut text = format!(
            r#"{{"order_id":"{}","external_id":"SO-{}","channel":"{}","currency":"EUR","placed_at":"{}","customer":{},"lines":["#,
            self.uuid(),
            10_000_000 + self.below(89_999_999),
            self.pick(&["web", "store", "app", "marketplace"]),
            self.time(),
            self.party(),
        );
        self.lines(&mut text, size.saturating_sub(120));
        let words = 3 + usize::try_from(self.below(9)).unwrap_or_default();
        let _ = write!(
            text,
            r#"],"discount":{},"grand_total":{},"note":"{}"}}"#,
            self.amount(20),
            self.amount(900),
            self.remark(words)
        );
        (self.pick(&["order.created", "order.completed", "order.updated", "order.cancelled"]), text)
    }

    fn invoice(&mut self, size: usize) -> (&'static str, String) {
        let mut text = format!(
            r#"{{"invoice_number":"INV-2026-{:07}","order_id":"{}","issued_at":"{}","due":"{}","bill_to":{},"iban":"DE{:020}","positions":["#,
            self.below(9_999_999),
            self.uuid(),
            self.time(),
            self.day(),
            self.party(),
            self.next(),
        );
        self.lines(&mut text, size.saturating_sub(80));
        let _ =
            write!(text, r#"],"net":{},"tax":{},"gross":{}}}"#, self.amount(800), self.amount(150), self.amount(950));
        (self.pick(&["invoice.issued", "invoice.paid"]), text)
    }

    fn shipment(&mut self, size: usize) -> (&'static str, String) {
        let mut text = format!(
            r#"{{"shipment_id":"{}","order_id":"{}","carrier":"{}","tracking":"{}{:012}","weight_kg":{},"recipient":{},"scans":["#,
            self.uuid(),
            self.uuid(),
            self.pick(&CARRIERS),
            self.pick(&["JD", "1Z", "RR", "CX"]),
            self.below(999_999_999_999),
            self.amount(30),
            self.party(),
        );
        let mut comma = "";
        while text.len() < size.saturating_sub(60) {
            let (at, (city, country)) = (self.time(), self.pick(&CITIES));
            let words = 3 + usize::try_from(self.below(5)).unwrap_or_default();
            let _ =
                write!(text, r#"{comma}{{"at":"{at}","place":"{city}, {country}","text":"{}"}}"#, self.remark(words));
            comma = ",";
        }
        let _ = write!(text, r#"],"signed_by":"{} {}"}}"#, self.pick(&FIRST), self.pick(&LAST));
        (self.pick(&["shipment.dispatched", "shipment.delivered"]), text)
    }

    /// A payload of about `size` bytes, and its event's name.
    pub(crate) fn event(&mut self, size: usize) -> (&'static str, String) {
        match self.below(10) {
            0..5 => self.order(size),
            5..7 => self.invoice(size),
            _ => self.shipment(size),
        }
    }

    /// The body of a publish of one event.
    pub(crate) fn single(&mut self, size: usize) -> Bytes {
        let (name, payload) = self.event(size);
        format!(r#"{{"name":"{name}","payload":{payload}}}"#).into()
    }

    /// The body of a publish of several events.
    pub(crate) fn batch(&mut self, events: usize, size: usize) -> Bytes {
        let mut text = String::with_capacity(events * (size + 128));
        text.push_str(r#"{"events":["#);
        for place in 0..events {
            let (name, payload) = self.event(size);
            let comma = if place == 0 { "" } else { "," };
            let _ = write!(text, r#"{comma}{{"name":"{name}","payload":{payload}}}"#);
        }
        text.push_str("]}");
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_the_size_asked_for_and_differ() {
        let mut generator = Generator::new(7);
        let mut bytes = 0;
        for _ in 0..1_000 {
            let body = generator.single(1_024);
            let value: serde_json::Value = serde_json::from_slice(&body).expect("json");
            assert!(value["name"].is_string() && value["payload"].is_object());
            bytes += body.len();
        }
        assert!((950..1_150).contains(&(bytes / 1_000)), "{}", bytes / 1_000);
        assert_ne!(generator.single(1_024), generator.single(1_024));
        assert_eq!(Generator::new(3).single(1_024), Generator::new(3).single(1_024));
    }
}
