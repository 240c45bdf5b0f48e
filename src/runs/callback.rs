//! The address under which a provider says that it is done: it names the run, the item and the attempt, signed, so that a
//! callback finds its run without anything being looked up, and nobody else can make one up.
//! Not for: what a callback says (`providers`), which is only a reason to ask.

use crate::id::RunId;
use crate::platform::Platform;

pub const PATH: &str = "/api/v1/callbacks/";
const LABEL: &str = "provider callback";

#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub run_id: RunId,
    pub item: u32,
    /// Of the item, from 1: an earlier attempt's callback says nothing about a later one.
    pub attempt: u32,
}

pub fn url<P: Platform>(platform: &P, origin: &str, provider: &str, target: &Target) -> String {
    let payload = format!("{}/{}/{}", target.run_id, target.item, target.attempt);
    let token = platform.config().signer(LABEL).seal(&payload);
    format!("{origin}{PATH}{provider}/{token}")
}

pub fn open<P: Platform>(platform: &P, token: &str) -> Option<Target> {
    let payload = platform.config().signer(LABEL).open(token)?;
    let mut parts = payload.split('/');
    let run_id = RunId::parse(parts.next()?)?;
    let (item, attempt) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(Target { run_id, item, attempt })
}
