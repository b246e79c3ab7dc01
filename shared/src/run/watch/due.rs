//! What has to be told of findings as they come and go: each once when it begins, again while it lasts, and once when it is
//! over. Calls nothing; [`Watch`] remembers.

use jiff::{SignedDuration, Timestamp};

use super::Raised;
use crate::ledger::{Known, Watch};
use crate::names::excerpt;
use crate::notice::Severity;

/// What is likely to mend itself is told once it has lasted so long.
pub const WARNING_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// What lasts is told again so long after it was told.
pub const TELL_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// Whoever set about telling and has not told within this time was cut off: another does it. Longer than the calls in between
/// can take with their retries, shorter than the time from one scheduled invocation to the next.
pub const TELLING: SignedDuration = SignedDuration::from_mins(10);

/// Whether an invocation that set about telling at `since` may still be at it.
pub fn is_telling(since: Option<Timestamp>, now: Timestamp) -> bool {
    since.is_some_and(|since| now.duration_since(since).abs() < TELLING)
}

/// What has changed since the last look.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The keys of what was not known.
    pub begun: Vec<String>,
    /// The keys of what is no longer so.
    pub ended: Vec<String>,
}

impl Changed {
    /// Whether nothing has.
    pub fn is_nothing(&self) -> bool {
        self.begun.is_empty() && self.ended.is_empty()
    }
}

/// What is to be told now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// What is so.
    pub raised: Vec<Raised>,
    /// What was told, and is no longer so: its key, and what it was.
    pub resolved: Vec<(String, String)>,
}

impl Due {
    /// Whether there is nothing to tell.
    pub fn is_nothing(&self) -> bool {
        self.raised.is_empty() && self.resolved.is_empty()
    }

    /// What is no longer so, in sentences.
    pub fn resolved(&self) -> Vec<String> {
        self.resolved.iter().map(|(_, what)| what.clone()).collect()
    }

    /// Notes that it was told.
    pub fn told(&self, watch: &mut Watch, now: Timestamp) {
        for raised in &self.raised {
            if let Some(known) = watch.raised.get_mut(&raised.key()) {
                known.told = Some(now);
            }
        }
        for (key, _) in &self.resolved {
            // It may be so again by now: then it is told anew.
            watch.raised.remove(key);
        }
        watch.telling = None;
    }
}

/// Takes over what is so now. What is resolved and was told of stays known until that was told, too.
pub fn see(watch: &mut Watch, raised: &[Raised], now: Timestamp) -> Changed {
    let mut changed = Changed::default();
    for raised in raised {
        let (key, what) = (raised.key(), excerpt(&raised.finding.what));
        if let Some(known) = watch.raised.get_mut(&key) {
            (known.what, known.resolved) = (what, None);
        } else {
            changed.begun.push(key.clone());
            watch.raised.insert(key, Known { since: now, what, told: None, resolved: None });
        }
    }
    let is_so = |key: &str| raised.iter().any(|raised| raised.key() == key);
    watch.raised.retain(|key, known| {
        if is_so(key) || known.resolved.is_some() {
            return true;
        }
        changed.ended.push(key.clone());
        known.resolved = Some(now);
        known.told.is_some()
    });
    changed
}

/// What is to be told, unless somebody else is telling just now.
pub fn due(watch: &Watch, raised: &[Raised], now: Timestamp) -> Due {
    if is_telling(watch.telling, now) {
        return Due::default();
    }
    let to_tell = |raised: &&Raised| {
        let Some(known) = watch.raised.get(&raised.key()) else { return false };
        let lasts = |at: Timestamp, time: SignedDuration| now.duration_since(at) >= time;
        match (known.told, raised.finding.severity) {
            (Some(told), _) => lasts(told, TELL_AGAIN),
            (None, Severity::Alarm) => true,
            (None, Severity::Warning) => lasts(known.since, WARNING_LASTS),
            (None, Severity::Note) => false,
        }
    };
    let resolved = watch.raised.iter().filter(|(_, known)| known.resolved.is_some());
    Due {
        raised: raised.iter().filter(to_tell).cloned().collect(),
        resolved: resolved.map(|(key, known)| (key.clone(), known.what.clone())).collect(),
    }
}
