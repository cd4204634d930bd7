//! Schedules of `CronJobs`, as Kubernetes reads them.
//!
//! Follows `ParseStandard` of `github.com/robfig/cron` v3 and `validateScheduleFormat` in
//! `pkg/apis/batch/validation` of Kubernetes.

/// When a `CronJob` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Days of the month, bit by bit; `None` for all.
    days: Option<u64>,
    /// Months, bit by bit.
    months: u64,
    /// Whether days of the week are chosen as well: then either choice is enough.
    by_weekday: bool,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// A time zone in the schedule itself.
    #[error("names a time zone, which belongs into `timeZone`")]
    TimeZone,
    /// Not five fields.
    #[error("has {0} fields where five are expected: minute, hour, day, month, day of the week")]
    Fields(usize),
    /// A word after `@` that is none of the known ones.
    #[error("is none of the known words such as `@daily`")]
    Word,
    /// A field that cannot be.
    #[error("has `{text}` for the {name}, which is {least} to {most}")]
    Field {
        /// The field as written.
        text: String,
        /// What it is for.
        name: &'static str,
        /// The least value.
        least: u32,
        /// The greatest value.
        most: u32,
    },
}

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Words for the values from the least on.
    words: &'static [&'static str],
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, words: &[] },
    Field { name: "hour", least: 0, most: 23, words: &[] },
    Field { name: "day", least: 1, most: 31, words: &[] },
    Field { name: "month", least: 1, most: 12, words: &MONTHS },
    Field { name: "day of the week", least: 0, most: 6, words: &WEEKDAYS },
];
const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

impl Schedule {
    /// Reads the five fields, or a word such as `@daily`.
    pub fn parse(text: &str) -> Result<Self, InvalidSchedule> {
        if text.contains("TZ") {
            return Err(InvalidSchedule::TimeZone);
        }
        let always = Self { days: None, months: u64::MAX, by_weekday: false };
        if text.starts_with('@') {
            let known = WORDS.contains(&text) || text.starts_with("@every ");
            return if known { Ok(always) } else { Err(InvalidSchedule::Word) };
        }
        let count = text.split_whitespace().count();
        if count != FIELDS.len() {
            return Err(InvalidSchedule::Fields(count));
        }
        let mut sets = [None; 5];
        for ((set, field), text) in sets.iter_mut().zip(&FIELDS).zip(text.split_whitespace()) {
            *set = field.set(text).ok_or_else(|| InvalidSchedule::Field {
                text: text.to_owned(),
                name: field.name,
                least: field.least,
                most: field.most,
            })?;
        }
        let [_, _, days, months, weekdays] = sets;
        Ok(Self { days, months: months.unwrap_or(u64::MAX), by_weekday: weekdays.is_some() })
    }

    /// Whether any day of any year is one that it names: the 30th of February is not.
    pub fn ever_runs(&self) -> bool {
        const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let Some(days) = self.days.filter(|_| !self.by_weekday) else { return true };
        let first = days.trailing_zeros();
        (1u32..).zip(LENGTHS).any(|(month, length)| self.months & (1 << month) != 0 && first <= length)
    }
}

impl Field {
    /// The values of a field, bit by bit: `Some(None)` for all, `None` if it is not valid.
    #[allow(clippy::option_option, reason = "all values are not the set of all values: only a star leaves days free")]
    fn set(&self, text: &str) -> Option<Option<u64>> {
        if matches!(text, "*" | "?") {
            return Some(None);
        }
        let mut set = 0;
        for part in text.split(',') {
            let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
            let step = step.map_or(Some(1), |step| step.parse::<u32>().ok().filter(|&step| step > 0))?;
            let (first, last) = match range.split_once('-') {
                _ if matches!(range, "*" | "?") => (self.least, self.most),
                Some((first, last)) => (self.value(first)?, self.value(last)?),
                None if part.contains('/') => (self.value(range)?, self.most),
                None => (self.value(range)?, self.value(range)?),
            };
            if first > last {
                return None;
            }
            set |= (first..=last).step_by(step as usize).fold(0, |set, value| set | 1u64 << value);
        }
        Some(Some(set))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = (self.least..).zip(self.words).find(|(_, word)| word.eq_ignore_ascii_case(text));
        let value = named.map(|(value, _)| value).or_else(|| text.parse().ok())?;
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn schedules_are_read_as_kubernetes_does() {
        for good in [
            "* * * * *",
            "*/5 0-6,22 ? jan-MAR mon",
            "0 3 1/2 * *",
            "@daily",
            "@every 1h30m",
            "0 0 29 2 *",
            "0 0 31 2 MON",
        ] {
            assert!(Schedule::parse(good).is_ok_and(|schedule| schedule.ever_runs()), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "0 0 * * * *",
            "60 * * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 * 13 *",
            "0 0 * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "1,,2 * * * *",
            "@never",
            "CRON_TZ=UTC 0 0 * * *",
            "-1 * * * *",
            "4294967296 * * * *",
        ] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
        for never in ["0 0 30 2 *", "0 0 31 2,4,6 *", "0 0 31 9/2 ?"] {
            assert!(Schedule::parse(never).is_ok_and(|schedule| !schedule.ever_runs()), "{never}");
        }
    }
}
