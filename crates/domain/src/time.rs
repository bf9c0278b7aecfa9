use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z. Prints as RFC 3339 in UTC, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// One second, in the milliseconds that [`Timestamp`] counts.
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Timestamp {
    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// This moment and `n` seconds.
    #[must_use]
    pub const fn plus_seconds(self, n: i64) -> Self {
        Self(self.0.saturating_add(n.saturating_mul(SECOND)))
    }

    /// This moment and `n` minutes.
    #[must_use]
    pub const fn plus_minutes(self, n: i64) -> Self {
        Self(self.0.saturating_add(n.saturating_mul(MINUTE)))
    }

    /// This moment and `n` days of 24 hours.
    #[must_use]
    pub const fn plus_days(self, n: i64) -> Self {
        Self(self.0.saturating_add(n.saturating_mul(DAY)))
    }

    /// Milliseconds from `earlier` to this moment; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As a person says it beside `now`: "just now", "4 minutes ago", "yesterday", "in 29 days", "3 May 2026". Days are
    /// counted in 24 hours, dates are UTC.
    #[must_use]
    pub fn human(self, now: Self) -> String {
        let ago = now.since(self);
        match ago {
            _ if ago <= -32 * DAY => self.date(),
            _ if ago <= -DAY => ahead((DAY / 2 - ago) / DAY, "day"),
            _ if ago <= -HOUR => ahead((HOUR / 2 - ago) / HOUR, "hour"),
            _ if ago < -MINUTE => ahead((MINUTE / 2 - ago) / MINUTE, "minute"),
            _ if ago < MINUTE => "just now".into(),
            _ if ago < HOUR => past(ago / MINUTE, "minute"),
            _ if ago < 24 * HOUR => past(ago / HOUR, "hour"),
            _ if ago < 2 * DAY => "yesterday".into(),
            _ if ago < 7 * DAY => past(ago / DAY, "day"),
            _ => self.date(),
        }
    }

    /// Reads a moment as people and programs write it: RFC 3339, or a date and a time in UTC, or a date, which stands for its
    /// beginning.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let with_zone = || text.parse::<jiff::Timestamp>().ok();
        let without = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let at = with_zone().or_else(|| without().map(|at| at.timestamp()))?;
        Some(Self(at.as_millisecond()))
    }

    /// Reads a moment as HTTP has it (RFC 9110): `Sun, 03 May 2026 03:09:37 GMT`.
    #[must_use]
    pub fn parse_http(text: &str) -> Option<Self> {
        let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
        Some(Self(at.timestamp().as_millisecond()))
    }

    /// The day, as "3 May 2026", in UTC.
    #[must_use]
    pub fn date(self) -> String {
        self.zoned("%-d %B %Y")
    }

    /// The day and minute, as "3 May 2026, 14:05 UTC".
    #[must_use]
    pub fn exact(self) -> String {
        self.zoned("%-d %B %Y, %H:%M UTC")
    }

    fn zoned(self, format: &str) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| "a time out of range".into(), |at| at.strftime(format).to_string())
    }
}

fn past(n: i64, unit: &str) -> String {
    format!("{} ago", count(n, unit))
}

fn ahead(n: i64, unit: &str) -> String {
    format!("in {}", count(n, unit))
}

fn count(n: i64, unit: &str) -> String {
    if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.zoned("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(at.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_rfc_3339_and_reads_back() {
        let at = Timestamp::from_millis(1_777_777_777_000);
        assert_eq!(at.to_string(), "2026-05-03T03:09:37Z");
        assert_eq!(serde_json::to_string(&at).unwrap(), "\"2026-05-03T03:09:37Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>("\"2026-05-03T03:09:37Z\"").unwrap(), at);
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "a time out of range");
    }

    #[test]
    fn is_read_as_people_and_programs_write_it() {
        let at = Some(Timestamp::from_millis(1_777_777_777_000));
        for written in [
            "2026-05-03T03:09:37Z",
            "2026-05-03T05:09:37+02:00",
            "2026-05-03T03:09:37",
            "2026-05-03 03:09:37",
        ] {
            assert_eq!(Timestamp::parse(written), at, "{written}");
        }
        assert_eq!(
            Timestamp::parse("2026-05-03").map(|at| at.to_string()).as_deref(),
            Some("2026-05-03T00:00:00Z")
        );
        assert_eq!(
            Timestamp::parse("2026-05-03T03:09").map(|at| at.to_string()).as_deref(),
            Some("2026-05-03T03:09:00Z")
        );
        for wrong in ["", "soon", "2026-13-01", "03.05.2026", "2026-05-03T25:00", "99999-01-01"] {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn is_read_as_servers_write_it() {
        let at = Some(Timestamp::from_millis(1_777_777_777_000));
        assert_eq!(Timestamp::parse_http("Sun, 03 May 2026 03:09:37 GMT"), at);
        for wrong in ["", "now", "Sun, 03 May 2026", "2026-05-03T03:09:37Z", "Mon, 99 May 2026 03:09:37 GMT"]
        {
            assert_eq!(Timestamp::parse_http(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn is_said_as_people_say_it() {
        let at = Timestamp::from_millis(1_777_777_777_000);
        let said = |later| at.human(Timestamp(at.0 + later));
        assert_eq!(said(0), "just now");
        assert_eq!(said(-5 * MINUTE), "in 5 minutes");
        assert_eq!(said(-80 * MINUTE), "in 1 hour");
        assert_eq!(said(-30 * DAY + SECOND), "in 30 days");
        assert_eq!(said(-29 * DAY), "in 29 days");
        assert_eq!(said(-32 * DAY), "3 May 2026");
        assert_eq!(said(MINUTE), "1 minute ago");
        assert_eq!(said(59 * MINUTE), "59 minutes ago");
        assert_eq!(said(2 * HOUR), "2 hours ago");
        assert_eq!(said(30 * HOUR), "yesterday");
        assert_eq!(said(3 * DAY), "3 days ago");
        assert_eq!(said(8 * DAY), "3 May 2026");
    }
}
