//! `POST /api/v1/callbacks/{provider}/{token}`: where providers say that a job is done. Nothing that comes here is believed
//! but that something happened: the run asks the provider itself.

use crate::error::{Code, Refusal};
use crate::http::{Payload, Request, Response};
use crate::platform::{Level, Platform, Unavailable};
use crate::providers;
use crate::providers::adapter::{Callback, Called, Distrust, Heard};
use crate::runs::callback::{self, Target};
use crate::runs::{Command, Run};
use crate::upstream::{Account, keys};
use serde_json::json;

pub use crate::runs::callback::PATH as PREFIX;

pub async fn receive<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    let named = request.path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
    let found = named.and_then(|(provider, token)| {
        let provider = providers::named(provider)?;
        Some((provider, provider.adapter()?.callback.as_ref()?, callback::open(platform, token)?))
    });
    let Some((provider, callback, target)) = found else {
        let unknown = Refusal::new(Code::RunNotFound, "Nothing waits for a callback here.");
        return Response::json(404, unknown.envelope(request_id).to_string());
    };
    let Payload::Text(body) = &request.payload else {
        let large = Refusal::new(Code::FileTooLarge, "The callback is too large.");
        return Response::json(413, large.envelope(request_id).to_string());
    };
    let log = |level, event: &str, why: &str| {
        let fields = json!({ "provider": provider.name, "run_id": target.run_id, "why": why, "request_id": request_id });
        platform.log(level, event, fields);
    };
    let Some(account) = Account::of_operator(platform, provider) else {
        log(Level::Warn, "callback.distrusted", "the provider is not configured");
        return distrusted(request_id);
    };
    let heard =
        Heard { headers: &request.headers, body, now: platform.now(), account: account.id.as_deref() };
    let verified = verify(platform, &account, callback, &heard).await;
    let delivered = match verified {
        Ok(Err(distrust)) => {
            log(Level::Warn, "callback.distrusted", &format!("{distrust:?}"));
            return distrusted(request_id);
        }
        Ok(Ok(called)) => deliver(platform, &target, called).await,
        Err(fault) => Err(fault),
    };
    match delivered {
        Ok(()) => {
            log(Level::Info, "callback.taken", "");
            Response::json(200, "{}".to_owned())
        }
        // The provider tries again; the run asks by itself anyway.
        Err(fault) => {
            log(Level::Warn, "callback.not_taken", &fault.0);
            let later = Refusal::new(Code::Internal, "The callback could not be taken now.");
            Response::json(503, later.envelope(request_id).to_string())
        }
    }
}

async fn verify<P: Platform>(
    platform: &P,
    account: &Account,
    callback: &Callback,
    heard: &Heard<'_>,
) -> Result<Result<Called, Distrust>, Unavailable> {
    let known = keys::known(platform, account, callback).await?;
    let verified = (callback.verify)(heard, known.text.reveal());
    if verified != Err(Distrust::Unsigned) {
        return Ok(verified);
    }
    Ok(match keys::newer(platform, account, callback, &known).await? {
        Some(newer) => (callback.verify)(heard, newer.text.reveal()),
        None => verified,
    })
}

async fn deliver<P: Platform>(platform: &P, target: &Target, called: Called) -> Result<(), Unavailable> {
    let Called { event, operation } = called;
    let command = Command::Called { item: target.item, attempt: target.attempt, event, operation };
    platform.ask::<Run>(target.run_id.as_str(), command).await.map(|_| ())
}

/// Without saying why: whoever guesses learns nothing.
fn distrusted<S>(request_id: &str) -> Response<S> {
    let refusal = Refusal::new(Code::Unauthenticated, "The callback is not signed as it must be.");
    Response::json(401, refusal.envelope(request_id).to_string())
}
