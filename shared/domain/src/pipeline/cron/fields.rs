//! The five fields of a cron expression.

use super::CronError;

/// What the five fields select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) minutes: Bits,
    pub(super) hours: Bits,
    pub(super) days: Bits,
    pub(super) months: Bits,
    /// From Sunday, which is 0.
    pub(super) weekdays: Bits,
    /// Whether a day of month or a day of week suffices.
    pub(super) either_day: bool,
    /// Whether neither minute nor hour begins with `*`.
    pub(super) fixed: bool,
}

/// A set of numbers below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits(u64);

/// One of the five fields: which numbers and names it takes.
struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    /// The names of the numbers from `low`.
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", low: 0, high: 59, names: &[] };
const HOUR: Field = Field { name: "hour", low: 0, high: 23, names: &[] };
const DAY: Field = Field { name: "day of month", low: 1, high: 31, names: &[] };
const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const WEEKDAY: Field =
    Field { name: "day of week", low: 0, high: 7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };

/// The most days that each month has.
const LONGEST: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, CronError> {
        if text.trim_start().starts_with('@') {
            return Err(CronError::Nickname);
        }
        let parts: Vec<&str> = text.split([' ', '\t']).filter(|part| !part.is_empty()).collect();
        let [minute, hour, day, month, weekday] = parts[..] else { return Err(CronError::FieldCount(parts.len())) };
        let open = |field: &str| field.starts_with('*');
        let fields = Self {
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY.parse(day)?,
            months: MONTH.parse(month)?,
            weekdays: WEEKDAY.parse(weekday)?.with_sunday_once(),
            either_day: !open(day) && !open(weekday),
            fixed: !open(minute) && !open(hour),
        };
        if fields.ever_due() { Ok(fields) } else { Err(CronError::Never) }
    }

    /// Every date of a month falls on each weekday sooner or later, so only month and day can exclude each other.
    fn ever_due(&self) -> bool {
        let month_has_day = |(longest, month): (u8, i8)| {
            self.months.has(month) && self.days.next(1).is_some_and(|day| day <= i64::from(longest))
        };
        self.either_day || LONGEST.into_iter().zip(1..).any(month_has_day)
    }
}

impl Field {
    fn parse(&self, text: &str) -> Result<Bits, CronError> {
        let mut all = Bits::default();
        for part in text.split(',') {
            let bits = self.part(part).map_err(|reason| CronError::Field {
                field: self.name,
                part: part.to_owned(),
                reason: reason.into_owned(),
            })?;
            all.0 |= bits.0;
        }
        Ok(all)
    }

    fn part(&self, part: &str) -> Result<Bits, Reason> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (part, None),
        };
        let (low, high) = match range.split_once('-') {
            // In `*/7`, Sunday is not counted twice.
            None if range == "*" => (self.low, if self.high == WEEKDAY.high { 6 } else { self.high }),
            None if step.is_some() => return Err("a step needs a range, such as `*/5` or `10-40/5`".into()),
            None => (self.number(range)?, self.number(range)?),
            Some((low, high)) => (self.number(low)?, self.range_end(high)?),
        };
        if low > high {
            return Err("the range ends before it begins".into());
        }
        Ok(Bits((low..=high).step_by(usize::from(step.unwrap_or(1))).fold(0, |bits, number| bits | 1 << number)))
    }

    fn step(&self, text: &str) -> Result<u8, Reason> {
        let step = digits(text).ok_or("a step is a number")?;
        if step == 0 || step > self.high {
            return Err(format!("a step is 1 to {}", self.high).into());
        }
        Ok(step)
    }

    /// A week that ends on `SUN`, as in `FRI-SUN`, ends on day 7.
    fn range_end(&self, text: &str) -> Result<u8, Reason> {
        let sunday = self.high == WEEKDAY.high && text.eq_ignore_ascii_case("SUN");
        if sunday { Ok(WEEKDAY.high) } else { self.number(text) }
    }

    fn number(&self, text: &str) -> Result<u8, Reason> {
        if let Some(index) = (self.low..).zip(self.names).find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(index.0);
        }
        if text.contains(['L', 'W', '#', '?', 'l', 'w']) {
            return Err("`L`, `W`, `#` and `?` are not supported".into());
        }
        let names = if self.names.is_empty() { "" } else { " or a name of three letters" };
        let number = digits(text).ok_or_else(|| format!("`{text}` is not a number{names}"))?;
        if (self.low..=self.high).contains(&number) {
            Ok(number)
        } else {
            Err(format!("`{text}` is not within {} to {}", self.low, self.high).into())
        }
    }
}

type Reason = std::borrow::Cow<'static, str>;

/// A number of digits alone; one that is too large is beyond every field's range.
fn digits(text: &str) -> Option<u8> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u8::MAX))
}

impl Bits {
    pub(super) fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.0 & (1 << number) != 0)
    }

    /// The first number at or after this one.
    pub(super) fn next(self, number: i64) -> Option<i64> {
        let rest = self.0.checked_shr(u32::try_from(number).ok()?)?;
        (rest != 0).then(|| number + i64::from(rest.trailing_zeros()))
    }

    fn with_sunday_once(self) -> Self {
        Self((self.0 | self.0 >> 7) & 0x7f)
    }
}
