//! How many requests a token may make in a minute, at `/mcp` and the REST API together. Whoever answers a request with a
//! token calls [`count`] right after `bearer::authenticate`.
//! Not for: callers nobody knows yet (`platform::Budget`), or runs under way at once (`workspace`).
//!
//! # Exact in an isolate, bounded over all of them
//! A deployment has several isolates that share no memory, and a call that reads touches no storage. So each isolate
//! counts a token's requests by itself, exactly, in a window that begins with the first of them. When its own count has
//! completed a quarter of the limit it asks a counter that the isolates of one location share ([`Budget::Requests`], which
//! admits four quarters a minute); if that says no, the token is blocked in this isolate until its window ends.
//! - The counter is never asked before a quarter is full. If a started quarter counted, a token whose requests are spread
//!   thin over five isolates would be refused after five requests. And 29 of 30 requests ask nobody.
//! - So what an isolate has counted of a quarter that is not full is unknown to the others: in one location a token
//!   passes at most isolates × a quarter more than its limit in one window. Each location has a counter of its own.
//! - An isolate asks at most four times in any minute. The counter's windows begin at other moments than the token's, and
//!   without this bound a client that fills one window after the other would be refused by the only isolate it talks to.
//! - The counter fails open: what the isolate has counted itself holds in any case.

use super::bearer::Caller;
use crate::error::{Code, Refusal};
use crate::http::Response;
use crate::platform::{Budget, Platform};
use crate::time::Timestamp;
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The unit of both limits is requests a minute, as the counter's is.
const WINDOW_SECONDS: i64 = Budget::PERIOD_SECONDS as i64;
/// Windows kept per isolate, about 250 bytes each, as many as there are callers remembered. Only verified tokens get in,
/// so this bounds memory, not abuse.
const WINDOWS: usize = 2048;

struct Window {
    ends_at: Timestamp,
    used: u32,
    /// The other isolates have used the limit up.
    is_blocked: bool,
    /// When the counter was asked, within the last minute, whichever window that was in.
    asked: Vec<Timestamp>,
}

thread_local! {
    // Plain data only: an isolate shares it among all its requests.
    static COUNTED: RefCell<BTreeMap<String, Window>> = const { RefCell::new(BTreeMap::new()) };
}

/// What one request has left of its token's limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted(Option<Standing>);

#[derive(Clone, Debug, PartialEq)]
struct Standing {
    limit: u32,
    remaining: u32,
    ends_at: Timestamp,
    /// Seconds until the window ends, when the request is one too many.
    wait_seconds: Option<u32>,
}

/// Counts one request. Personal access tokens count by themselves, access tokens by their authorization, so that a
/// refresh begins no new window.
pub async fn count<P: Platform>(platform: &P, caller: &Caller) -> Counted {
    let config = platform.config();
    let limit = if caller.is_personal() { config.rate_limit_personal } else { config.rate_limit_oauth };
    if limit == 0 {
        return Counted(None);
    }
    let id = caller.token_id();
    let now = platform.now();
    let (standing, completes_quarter) = take(id, limit, now);
    if completes_quarter && !platform.within_budget(Budget::Requests, id).await {
        block(id, standing.ends_at);
        return Counted(Some(Standing::refused(limit, standing.ends_at, platform.now())));
    }
    Counted(Some(standing))
}

impl Standing {
    fn refused(limit: u32, ends_at: Timestamp, now: Timestamp) -> Self {
        let seconds = ends_at.millis_since(now).max(1).saturating_add(999).div_euclid(1000);
        let wait_seconds = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        Self { limit, remaining: 0, ends_at, wait_seconds }
    }
}

/// True: the request completes a quarter, and the counter is to be asked.
fn take(id: &str, limit: u32, now: Timestamp) -> (Standing, bool) {
    COUNTED.with_borrow_mut(|windows| {
        if !windows.contains_key(id) {
            make_room(windows, now);
        }
        let begun = || Window { ends_at: now, used: 0, is_blocked: false, asked: Vec::new() };
        let window = windows.entry(id.to_owned()).or_insert_with(begun);
        if window.ends_at <= now {
            (window.ends_at, window.used, window.is_blocked) = (now.plus_seconds(WINDOW_SECONDS), 0, false);
        }
        let ends_at = window.ends_at;
        if window.is_blocked || window.used >= limit {
            return (Standing::refused(limit, ends_at, now), false);
        }
        window.used += 1;
        let quarters = Budget::Requests.per_minute();
        window.asked.retain(|at| at.plus_seconds(WINDOW_SECONDS) > now);
        let asks = window.used.is_multiple_of(limit.div_ceil(quarters))
            && window.asked.len() < usize::try_from(quarters).unwrap_or(usize::MAX);
        if asks {
            window.asked.push(now);
        }
        (Standing { limit, remaining: limit - window.used, ends_at, wait_seconds: None }, asks)
    })
}

/// Until the window ends that the counter was asked in.
fn block(id: &str, ends_at: Timestamp) {
    COUNTED.with_borrow_mut(|windows| {
        if let Some(window) = windows.get_mut(id).filter(|window| window.ends_at == ends_at) {
            window.is_blocked = true;
        }
    });
}

/// A window that has ended still says for a minute when the counter was asked.
fn make_room(windows: &mut BTreeMap<String, Window>, now: Timestamp) {
    if windows.len() >= WINDOWS {
        windows.retain(|_, window| window.ends_at.plus_seconds(WINDOW_SECONDS) > now);
    }
    if windows.len() >= WINDOWS {
        windows.pop_first();
    }
}

impl Counted {
    /// What answers in place of the request when it is one too many. With a token nothing else is a 429: other bounds are
    /// told by the tool that met them, in an HTTP 200.
    pub fn refusal<S>(&self, request_id: &str) -> Option<Response<S>> {
        let Standing { limit, wait_seconds: Some(seconds), .. } = self.0.as_ref()? else { return None };
        let requests = if *limit == 1 { "request" } else { "requests" };
        let wait = if *seconds == 1 { "1 second".to_owned() } else { format!("{seconds} seconds") };
        let what = format!("This token may make {limit} {requests} a minute and has made them.");
        let refusal = Refusal::new(Code::RateLimited, what)
            .next(format!("Wait {wait}, then send the same request again."))
            .retry_after(*seconds)
            .details(json!({ "limit": limit, "retry_after_seconds": seconds }));
        let response = Response::json(429, refusal.envelope(request_id).to_string())
            .with("retry-after", seconds.to_string())
            .with("cache-control", "no-store");
        Some(response)
    }

    /// The answer with what is left, whichever answer it is.
    pub fn tell<S>(&self, response: Response<S>) -> Response<S> {
        let Some(Standing { limit, remaining, ends_at, .. }) = &self.0 else { return response };
        // Rounded up: at that second the window has ended.
        let reset = ends_at.plus_millis(999).seconds();
        response
            .with("x-ratelimit-limit", limit.to_string())
            .with("x-ratelimit-remaining", remaining.to_string())
            .with("x-ratelimit-reset", reset.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Timestamp = Timestamp(1_795_246_320_000);

    /// Of so many requests at once: how many passed, and how many were to ask the counter.
    fn burst(id: &str, limit: u32, requests: u32, now: Timestamp) -> (usize, usize) {
        let taken: Vec<_> = (0..requests).map(|_| take(id, limit, now)).collect();
        let passed = taken.iter().filter(|(standing, _)| standing.wait_seconds.is_none()).count();
        (passed, taken.iter().filter(|(_, asks)| *asks).count())
    }

    #[test]
    fn the_counter_is_asked_when_a_quarter_is_full_and_not_before() {
        let asks: Vec<_> = (1..=121).filter(|_| take("quarters", 120, BEGIN).1).collect();
        assert_eq!(asks, [30, 60, 90, 120]);
        for (limit, asked) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 2), (6, 3), (7, 3), (60, 4), (61, 3)] {
            let id = format!("limit of {limit}");
            assert_eq!(burst(&id, limit, limit + 1, BEGIN), (limit as usize, asked), "{limit}");
        }
    }

    /// At most the four quarters that the counter admits, wherever its own windows begin.
    #[test]
    fn one_isolate_asks_at_most_four_times_in_any_minute() {
        assert_eq!(burst("bursts", 120, 1, BEGIN), (1, 0));
        assert_eq!(burst("bursts", 120, 119, BEGIN.plus_seconds(58)), (119, 4));
        assert_eq!(burst("bursts", 120, 200, BEGIN.plus_seconds(61)), (120, 0));
        assert_eq!(burst("bursts", 120, 200, BEGIN.plus_seconds(121)), (120, 4));
    }

    #[test]
    fn a_window_is_forgotten_when_it_matters_no_more_and_never_are_there_too_many() {
        for number in 0..WINDOWS + 10 {
            take(&format!("{number:06}"), 120, BEGIN);
        }
        let kept = || COUNTED.with_borrow(BTreeMap::len);
        assert_eq!(kept(), WINDOWS);
        take("later", 120, BEGIN.plus_seconds(2 * WINDOW_SECONDS));
        assert_eq!(kept(), 1);
    }

    #[test]
    fn a_wait_is_at_least_a_second_and_ends_after_the_window() {
        for (millis, seconds) in [(60_000, 60), (59_001, 60), (59_000, 59), (1, 1), (0, 1), (-5, 1)] {
            let refused = Standing::refused(120, BEGIN.plus_millis(millis), BEGIN);
            assert_eq!(refused.wait_seconds, Some(seconds), "{millis}");
        }
    }
}
