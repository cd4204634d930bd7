//! When to put an object right, and when not to: with patience, and not against another controller.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::state::Key;

/// How long to wait after the first restoration; twice as long after each further one.
const FIRST: SignedDuration = SignedDuration::from_secs(10);
/// The longest wait.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);
/// What was longer ago is forgotten.
const MEMORY: SignedDuration = SignedDuration::from_hours(1);
/// Who writes a field back so often writes it back for ever.
const ROUNDS: usize = 3;

/// What has been restored, and how often.
#[derive(Debug, Default)]
pub struct Remedies {
    objects: HashMap<Key, History>,
}

#[derive(Debug, Default)]
struct History {
    /// The revision of the release that it was restored to.
    revision: u64,
    /// When it was restored, the fields, and who had changed them.
    rounds: Vec<(Timestamp, Vec<(String, String)>)>,
    stopped: bool,
}

/// What is to be done about an object now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Put it right.
    Restore,
    /// Not before this time.
    Wait(Timestamp),
    /// No more: this field manager writes this field back. Empty where nothing tells who.
    Stop {
        /// The field manager.
        manager: String,
        /// The field.
        field: String,
    },
    /// That was said already.
    Stopped,
}

impl Remedies {
    /// What to do about an object of which these fields have drifted, each with who did it. A new
    /// revision of the release is a new start.
    pub fn decide(&mut self, key: &Key, revision: u64, fields: &[(String, String)], now: Timestamp) -> Decision {
        let history = self.objects.entry(key.clone()).or_default();
        if history.revision != revision {
            *history = History { revision, ..History::default() };
        }
        if history.stopped {
            return Decision::Stopped;
        }
        history.rounds.retain(|(at, _)| now.duration_since(*at) < MEMORY);
        let again = |field: &(String, String)| history.rounds.iter().filter(|(_, of)| of.contains(field)).count();
        if let Some((field, manager)) = fields.iter().find(|field| again(field) >= ROUNDS).cloned() {
            history.stopped = true;
            return Decision::Stop { manager, field };
        }
        let Some((last, _)) = history.rounds.last() else { return Decision::Restore };
        let doublings = u32::try_from(history.rounds.len() - 1).unwrap_or(u32::MAX).min(16);
        let wait = (FIRST * 2_i32.saturating_pow(doublings)).min(LONGEST);
        match last.checked_add(wait) {
            Ok(at) if at > now => Decision::Wait(at),
            _ => Decision::Restore,
        }
    }

    /// Notes that an object was put right.
    pub fn restored(&mut self, key: &Key, fields: Vec<(String, String)>, now: Timestamp) {
        self.objects.entry(key.clone()).or_default().rounds.push((now, fields));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(field: &str, manager: &str) -> Vec<(String, String)> {
        vec![(field.to_owned(), manager.to_owned())]
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn key() -> Key {
        let text = str::to_owned;
        Key { group: text("apps"), kind: text("Deployment"), namespace: text("shop"), name: text("web") }
    }

    #[test]
    fn who_writes_a_field_back_is_named_and_left_alone() {
        let mut remedies = Remedies::default();
        let scaler = fields("spec.replicas", "scaler");
        let mut waits = Vec::new();
        let mut now = at(1000);
        for _ in 0..ROUNDS {
            while let Decision::Wait(until) = remedies.decide(&key(), 1, &scaler, now) {
                waits.push(until.duration_since(now).as_secs());
                now = until;
            }
            remedies.restored(&key(), scaler.clone(), now);
        }
        assert_eq!(waits, [10, 20]);
        let stop = Decision::Stop { manager: "scaler".to_owned(), field: "spec.replicas".to_owned() };
        assert_eq!(remedies.decide(&key(), 1, &scaler, now), stop);
        assert_eq!(remedies.decide(&key(), 1, &fields("spec.paused", "ada"), at(99_999)), Decision::Stopped);
        assert_eq!(remedies.decide(&key(), 2, &scaler, now), Decision::Restore, "a new revision is a new start");
    }

    #[test]
    fn different_changes_are_no_loop_but_take_ever_longer() {
        let mut remedies = Remedies::default();
        let mut now = at(1000);
        for round in 0..20 {
            let field = fields(&format!("data.key-{round}"), "ada");
            if let Decision::Wait(until) = remedies.decide(&key(), 1, &field, now) {
                assert!(until.duration_since(now) <= LONGEST, "{until}");
                now = until;
            }
            assert_eq!(remedies.decide(&key(), 1, &field, now), Decision::Restore);
            remedies.restored(&key(), field, now);
        }
        assert_eq!(remedies.decide(&key(), 1, &fields("data.a", "ada"), now + MEMORY), Decision::Restore);
    }
}
