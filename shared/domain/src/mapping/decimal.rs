//! Decimal numbers as their digits. No floating point: every digit of an amount is kept, and an exponent is never
//! expanded beyond [`MAX_EXPONENT`].

use std::cmp::Ordering;

/// The most digits of a number that is converted.
pub(super) const MAX_DIGITS: usize = 1_000;
/// The largest exponent of a number that is converted, in either direction.
pub(super) const MAX_EXPONENT: u64 = 400;

/// A decimal number: `digits` as an integer, divided by ten to the power of `scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// ASCII digits without leading zeros; none for zero.
    digits: Vec<u8>,
    scale: i64,
    /// The exponent, as it was written.
    exponent: i64,
}

impl Decimal {
    /// Reads a number: those of JSON, and also `+1`, `007` and `.5`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None if mantissa.is_empty() => return None,
            None => (mantissa, ""),
        };
        if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').collect();
        let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX).saturating_sub(exponent);
        Some(Self { negative, digits, scale, exponent })
    }

    /// Reads a number that is small enough to be written in full.
    pub(super) fn parse_bounded(text: &str) -> Option<Self> {
        if text.len() > 2 * MAX_DIGITS {
            return None;
        }
        Self::parse(text).filter(|one| one.digits.len() <= MAX_DIGITS && one.exponent.unsigned_abs() <= MAX_EXPONENT)
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// How many digits stand before the decimal point; negative if zeros follow it.
    fn magnitude(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX).saturating_sub(self.scale)
    }

    /// Compares the numbers, whatever their exponents.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return if other.negative { Ordering::Greater } else { Ordering::Less },
            (false, true) => return if self.negative { Ordering::Less } else { Ordering::Greater },
            (false, false) => {}
        }
        let sizes = match (self.negative, other.negative) {
            (false, true) => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            _ => self.magnitude().cmp(&other.magnitude()).then_with(|| compare_digits(&self.digits, &other.digits)),
        };
        if self.negative { sizes.reverse() } else { sizes }
    }

    /// The number in full, without an exponent, with every digit: to be called on bounded ones.
    pub(super) fn to_plain(&self) -> String {
        let fraction = usize::try_from(self.scale).unwrap_or(0);
        self.signed(self.integer_of(fraction), fraction)
    }

    /// The number as an integer; `None` if it is none.
    pub(super) fn to_integer(&self) -> Option<String> {
        let fraction = usize::try_from(self.scale).unwrap_or(0);
        // The first digit is no zero: where all digits belong to the fraction, it counts.
        self.digits.iter().rev().take(fraction).all(|digit| *digit == b'0').then(|| self.truncated())
    }

    /// The number without its fraction.
    pub(super) fn truncated(&self) -> String {
        let fraction = usize::try_from(self.scale).unwrap_or(0);
        let mut digits = self.integer_of(fraction);
        digits.truncate(digits.len().saturating_sub(fraction));
        self.signed(digits, 0)
    }

    /// The number with so many decimals, rounded half away from zero; zero has no sign.
    pub(super) fn rounded(&self, decimals: usize) -> String {
        let fraction = usize::try_from(self.scale).unwrap_or(0);
        let mut digits = self.integer_of(fraction);
        if fraction <= decimals {
            digits.resize(digits.len() + decimals - fraction, b'0');
            return self.signed(digits, decimals);
        }
        let cut = fraction - decimals;
        // The first digit that goes decides; where there are fewer digits, it is a zero.
        let up = digits.len().checked_sub(cut).and_then(|at| digits.get(at)).is_some_and(|digit| *digit >= b'5');
        digits.truncate(digits.len().saturating_sub(cut));
        if up {
            increment(&mut digits);
        }
        self.signed(digits, decimals)
    }

    /// The digits as an integer with `fraction` decimals.
    fn integer_of(&self, fraction: usize) -> Vec<u8> {
        let mut digits = self.digits.clone();
        if fraction == 0 && !digits.is_empty() {
            let zeros = usize::try_from(self.scale.unsigned_abs()).unwrap_or(0);
            digits.resize(digits.len() + zeros, b'0');
        }
        digits
    }

    fn signed(&self, digits: Vec<u8>, decimals: usize) -> String {
        let negative = self.negative && digits.iter().any(|digit| *digit != b'0');
        let mut text = String::with_capacity(digits.len().max(decimals) + 3);
        if negative {
            text.push('-');
        }
        let missing = (decimals + 1).saturating_sub(digits.len());
        let padded = std::iter::repeat_n(b'0', missing).chain(digits.iter().copied());
        let whole = digits.len() + missing - decimals;
        for (index, digit) in padded.enumerate() {
            if index == whole {
                text.push('.');
            }
            text.push(char::from(digit));
        }
        text
    }
}

/// An exponent beyond what an `i64` holds is as good as infinite.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.bytes().fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    let size = size.min(i64::MAX / 4);
    Some(if text.starts_with('-') { -size } else { size })
}

/// Compares digits from the left; missing ones are zeros.
fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    let common = a.len().min(b.len());
    let rest_of_a = a[common..].iter().any(|digit| *digit != b'0');
    let rest_of_b = b[common..].iter().any(|digit| *digit != b'0');
    a[..common].cmp(&b[..common]).then(rest_of_a.cmp(&rest_of_b))
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests;
