//! When a job may begin and when the breaker opens: pure, from what was kept, the clock and a throw of dice.
//! Not for: rows (`store`), or what is counted for people (`view`).

use super::{Report, Why};
use crate::providers::adapter::Class;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Troubles of one kind of request, within the window, that open the breaker if they are half of them or more.
pub const TROUBLES: usize = 5;
const WINDOW_MILLIS: i64 = 120_000;
/// Requests of each kind that are looked back on.
const LOOK_BACK: usize = 20;
/// First time out; each failed attempt to come back doubles it.
pub const FIRST_OPEN_MILLIS: i64 = 30_000;
/// A wrong key or an empty account is put right by a person, not by time.
pub const FIRST_LOCKED_MILLIS: i64 = 5 * 60_000;
pub const MAX_OPEN_MILLIS: i64 = 10 * 60_000;
/// While one job tries whether the provider is back.
const PROBE_MILLIS: i64 = 5_000;
/// A provider that says "too many" without saying until when; doubles while it goes on saying so.
const FIRST_PAUSE_MILLIS: i64 = 2_000;
const MAX_STREAK: u32 = 5;
/// A longer Retry-After is not believed: jobs ask again.
pub const MAX_PAUSE_MILLIS: i64 = 10 * 60_000;
/// Those who wait come back spread over so much longer.
const JITTER_MILLIS: i64 = 2_000;
const BUSY_MILLIS: i64 = 1_000;
const MAX_BUSY_MILLIS: i64 = 30_000;

/// Everything but the leases themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub open: Option<Open>,
    recent: Vec<Recent>,
    pub paused_until: Option<Timestamp>,
    /// "Too many" without a time, one after the other.
    streak: u32,
    /// As the last job that asked knew it.
    pub limit: u32,
    pub last_trouble: Option<(Timestamp, Class)>,
}

/// The breaker while it is open; from `until` on it is half open, and one job may try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    pub since: Timestamp,
    pub until: Timestamp,
    pub why: Class,
    wait_millis: i64,
    /// The job that tries.
    pub probe: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Recent {
    at: Timestamp,
    is_submit: bool,
    is_trouble: bool,
}

/// Leases as they stand, without those that ran out.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    pub under_way: u32,
    /// Jobs that have waited longer and are due, so that a free place is theirs.
    pub ahead: u32,
    /// All that have waited longer.
    pub older: u32,
    pub is_probe_alive: bool,
}

/// Whether this says that the provider, or our account there, is out of order.
pub fn is_trouble(class: Class) -> bool {
    matches!(class, Class::Unavailable | Class::Timeout | Class::Internal | Class::Auth | Class::Quota)
}

fn locks(class: Class) -> bool {
    matches!(class, Class::Auth | Class::Quota)
}

impl State {
    /// `dice`: from 0 to 1.
    pub fn admit(
        &mut self,
        now: Timestamp,
        lease: &str,
        limit: u32,
        crowd: Crowd,
        dice: f64,
    ) -> Result<(), (Timestamp, Why)> {
        let limit = limit.max(1);
        self.limit = limit;
        let jitter = |millis: i64| (millis as f64 * dice) as i64;
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err((until.plus_millis(jitter(JITTER_MILLIS)), Why::RateLimited));
        }
        self.paused_until = None;
        if let Some(open) = &self.open {
            if open.until > now {
                return Err((open.until.plus_millis(jitter(JITTER_MILLIS)), Why::Open));
            }
            if crowd.is_probe_alive {
                return Err((now.plus_millis(PROBE_MILLIS + jitter(PROBE_MILLIS)), Why::Open));
            }
        }
        if crowd.under_way.saturating_add(crowd.ahead) >= limit {
            let rounds = i64::from(crowd.older / limit);
            let millis = BUSY_MILLIS.saturating_mul(1 + 2 * rounds).min(MAX_BUSY_MILLIS);
            return Err((now.plus_millis(millis + jitter(millis)), Why::Busy));
        }
        if let Some(open) = &mut self.open {
            open.probe = Some(lease.to_owned());
        }
        Ok(())
    }

    pub fn heard(&mut self, now: Timestamp, report: &Report) {
        self.pause(now, report);
        let class = report.trouble.filter(|class| is_trouble(*class));
        self.last_trouble = class.map(|class| (now, class)).or(self.last_trouble);
        self.look_back(now, report.is_submit, class.is_some());
        match (class, &self.open) {
            (Some(class), None) if locks(class) || self.is_too_much(report.is_submit) => {
                self.open_for(now, class)
            }
            (Some(class), Some(open)) if locks(class) && !locks(open.why) => self.open_for(now, class),
            (Some(class), Some(open)) if report.is_submit && open.until <= now => self.reopen(now, class),
            // A key that has just worked is not wrong; that a busy provider took one job says less.
            (None, Some(open)) if report.is_submit && (open.until <= now || locks(open.why)) => self.close(),
            _ => {}
        }
    }

    /// The job that tried is over; its own report may have been lost.
    pub fn left(&mut self, now: Timestamp, lease: &str, outcome: Option<Option<Class>>) {
        let is_probe = self.open.as_ref().is_some_and(|open| open.probe.as_deref() == Some(lease));
        if !is_probe {
            return;
        }
        match outcome {
            // It never began: the next one tries.
            None => self.open.iter_mut().for_each(|open| open.probe = None),
            Some(Some(class)) if is_trouble(class) => self.reopen(now, class),
            Some(_) => self.close(),
        }
    }

    /// The operator had the key tried.
    pub fn checked(&mut self, now: Timestamp, trouble: Option<Class>) {
        match (trouble, &mut self.open) {
            (None, Some(open)) => open.until = open.until.min(now),
            (Some(class), None) if locks(class) => self.open_for(now, class),
            _ => {}
        }
    }

    /// Whether there is anything worth keeping.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        let is_over = |at: Timestamp, millis: i64| at.plus_millis(millis) <= now;
        self.paused_until.is_none_or(|until| until <= now)
            && self.open.as_ref().is_none_or(|open| is_over(open.until, MAX_OPEN_MILLIS))
    }

    fn pause(&mut self, now: Timestamp, report: &Report) {
        let is_limited = report.trouble == Some(Class::RateLimited);
        let millis = match report.retry_after_millis {
            Some(millis) if report.trouble.is_some() => millis.clamp(0, MAX_PAUSE_MILLIS),
            _ if is_limited => {
                let millis = FIRST_PAUSE_MILLIS << self.streak;
                self.streak = (self.streak + 1).min(MAX_STREAK);
                millis
            }
            _ => {
                // Polls are answered while jobs are still refused.
                self.streak = if report.is_submit { 0 } else { self.streak };
                return;
            }
        };
        self.paused_until = self.paused_until.max(Some(now.plus_millis(millis)));
    }

    fn look_back(&mut self, now: Timestamp, is_submit: bool, is_trouble: bool) {
        self.recent.retain(|seen| now.millis_since(seen.at) < WINDOW_MILLIS);
        self.recent.push(Recent { at: now, is_submit, is_trouble });
        if self.recent.iter().filter(|seen| seen.is_submit == is_submit).count() > LOOK_BACK
            && let Some(oldest) = self.recent.iter().position(|seen| seen.is_submit == is_submit)
        {
            self.recent.remove(oldest);
        }
    }

    /// Polls of jobs that are under way go on being answered by a provider that takes no new ones, so each kind of request is
    /// judged by itself.
    fn is_too_much(&self, is_submit: bool) -> bool {
        let of_kind = || self.recent.iter().filter(|seen| seen.is_submit == is_submit);
        let troubles = of_kind().filter(|seen| seen.is_trouble).count();
        troubles >= TROUBLES && troubles * 2 >= of_kind().count()
    }

    fn open_for(&mut self, now: Timestamp, why: Class) {
        let wait_millis = if locks(why) { FIRST_LOCKED_MILLIS } else { FIRST_OPEN_MILLIS };
        let since = self.open.as_ref().map_or(now, |open| open.since);
        self.open = Some(Open { since, until: now.plus_millis(wait_millis), why, wait_millis, probe: None });
    }

    fn reopen(&mut self, now: Timestamp, why: Class) {
        let Some(open) = &mut self.open else { return };
        let least = if locks(why) { FIRST_LOCKED_MILLIS } else { FIRST_OPEN_MILLIS };
        open.wait_millis = open.wait_millis.saturating_mul(2).clamp(least, MAX_OPEN_MILLIS);
        open.until = now.plus_millis(open.wait_millis);
        open.why = why;
        open.probe = None;
    }

    fn close(&mut self) {
        self.open = None;
        self.recent.clear();
    }
}
