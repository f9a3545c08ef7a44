//! Time zones by their IANA name, from the tz database that is compiled in: every machine has the same rules.

use std::fmt;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

/// A time zone under its canonical IANA name, such as `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneName {
    name: String,
    zone: TimeZone,
}

/// Why a text names no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Empty, an offset, or not in the tz database.
    #[error("not an IANA time zone such as Europe/Berlin or UTC")]
    Unknown,
    /// The name in other capitals.
    #[error("the IANA time zone is spelled {0}")]
    Spelling(String),
    /// A former or a short name of a zone.
    #[error("an alias: use the canonical IANA name, such as Asia/Kolkata for Asia/Calcutta")]
    Alias,
}

impl ZoneName {
    /// Reads a canonical name. Canonical are the names of the tz database's table of places (`zone.tab`), `Etc/UTC`,
    /// `Etc/GMT`, `Etc/GMT+1` and the like, and `UTC`, which is the default of schedules.
    ///
    /// # Errors
    /// [`ZoneError`]: an offset, an unknown name, other capitals, or an alias such as `US/Eastern` and `EST`.
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        let zone = TimeZoneDatabase::bundled().get(text).map_err(|_| ZoneError::Unknown)?;
        let name = zone.iana_name().ok_or(ZoneError::Unknown)?;
        if name != text {
            return Err(ZoneError::Spelling(name.to_owned()));
        }
        if is_alias(text) {
            return Err(ZoneError::Alias);
        }
        Ok(Self { name: text.to_owned(), zone })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The zone's rules.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl Default for ZoneName {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for ZoneName {
    type Error = ZoneError;

    fn try_from(text: String) -> Result<Self, ZoneError> {
        Self::parse(&text)
    }
}

impl From<ZoneName> for String {
    fn from(zone: ZoneName) -> Self {
        zone.name
    }
}

/// Whether the tz database keeps the name only so that old settings still work.
fn is_alias(name: &str) -> bool {
    match name.split_once('/') {
        Some((area, _)) => ALIAS_AREAS.contains(&area) || ALIASES.split_ascii_whitespace().any(|alias| alias == name),
        None => name != "UTC",
    }
}

/// Areas that hold nothing but aliases.
const ALIAS_AREAS: [&str; 5] = ["Brazil", "Canada", "Chile", "Mexico", "US"];

/// The other aliases of the tz database: its file `backward` without what is in `zone.tab`.
const ALIASES: &str = "\
    Africa/Asmera Africa/Timbuktu America/Argentina/ComodRivadavia America/Atka America/Buenos_Aires \
    America/Catamarca America/Coral_Harbour America/Cordoba America/Ensenada America/Fort_Wayne America/Godthab \
    America/Indianapolis America/Jujuy America/Knox_IN America/Louisville America/Mendoza America/Montreal \
    America/Nipigon America/Pangnirtung America/Porto_Acre America/Rainy_River America/Rosario \
    America/Santa_Isabel America/Shiprock America/Thunder_Bay America/Virgin America/Yellowknife \
    Antarctica/South_Pole Asia/Ashkhabad Asia/Calcutta Asia/Choibalsan Asia/Chongqing Asia/Chungking Asia/Dacca \
    Asia/Harbin Asia/Istanbul Asia/Kashgar Asia/Katmandu Asia/Macao Asia/Rangoon Asia/Saigon Asia/Tel_Aviv \
    Asia/Thimbu Asia/Ujung_Pandang Asia/Ulan_Bator Atlantic/Faeroe Atlantic/Jan_Mayen Australia/ACT \
    Australia/Canberra Australia/Currie Australia/LHI Australia/NSW Australia/North Australia/Queensland \
    Australia/South Australia/Tasmania Australia/Victoria Australia/West Australia/Yancowinna Etc/GMT+0 Etc/GMT-0 \
    Etc/GMT0 Etc/Greenwich Etc/UCT Etc/Universal Etc/Zulu Europe/Belfast Europe/Kiev Europe/Nicosia \
    Europe/Tiraspol Europe/Uzhgorod Europe/Zaporozhye Pacific/Enderbury Pacific/Johnston Pacific/Ponape \
    Pacific/Samoa Pacific/Truk Pacific/Yap";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_names_are_zones() {
        for name in [
            "UTC",
            "Etc/UTC",
            "Etc/GMT-14",
            "Europe/Berlin",
            "Europe/Amsterdam",
            "Europe/Kyiv",
            "America/Argentina/Buenos_Aires",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
        ] {
            let zone = ZoneName::parse(name).expect(name);
            assert_eq!((zone.as_str(), zone.zone().iana_name()), (name, Some(name)));
        }
        assert_eq!(ZoneName::parse("UTC"), Ok(ZoneName::default()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", " ", "+02:00", "-05", "Z", "UTC+1", "CEST", "Mars/Phobos", "Europe/Berlin ", "Etc/Unknown", "local"]
        {
            assert_eq!(ZoneName::parse(text), Err(ZoneError::Unknown), "{text}");
        }
        for text in ["EST", "GMT", "Zulu", "Japan", "Factory", "US/Eastern", "Asia/Calcutta", "Etc/Zulu", "Europe/Kiev"]
        {
            assert_eq!(ZoneName::parse(text), Err(ZoneError::Alias), "{text}");
        }
        assert_eq!(ZoneName::parse("europe/berlin"), Err(ZoneError::Spelling("Europe/Berlin".into())));
        assert_eq!(ZoneName::parse("utc"), Err(ZoneError::Spelling("UTC".into())));
    }

    #[test]
    fn every_alias_is_in_the_database() {
        for name in ALIASES.split_ascii_whitespace() {
            assert_eq!(ZoneName::parse(name), Err(ZoneError::Alias), "{name}");
        }
    }

    #[test]
    fn a_name_is_stored_as_text() {
        let zone: ZoneName = serde_json::from_str("\"Asia/Kathmandu\"").expect("a zone");
        assert_eq!(serde_json::to_string(&zone).expect("JSON"), "\"Asia/Kathmandu\"");
        assert!(serde_json::from_str::<ZoneName>("\"Mars/Phobos\"").is_err());
    }

    mod fuzz {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn any_text_is_read_or_refused(text in "(\\PC{0,40}|[A-Za-z]{1,10}/[A-Za-z_]{1,10}|[+-][0-9:]{1,6})") {
                if let Ok(zone) = ZoneName::parse(&text) {
                    prop_assert_eq!(zone.as_str(), text);
                }
            }
        }
    }
}
