//! A provider's no in the words of the gateway. Not for: what a provider says (`providers`).

use crate::error::{Code, Refusal};
use crate::providers::Provider;
use crate::providers::adapter::{Class, Failure};
use serde_json::json;

/// Characters of a provider's own words that are passed on.
const MAX_SAID_CHARS: usize = 300;

pub fn of(provider: &Provider, failure: &Failure) -> Refusal {
    let title = provider.title;
    let (code, message, next) = match failure.class {
        Class::InvalidInput => (Code::InvalidInputs, format!("{title} did not take the request"), None),
        Class::Moderated => (Code::Moderated, format!("{title}'s safety filter refused it"), None),
        Class::Auth => (
            Code::ProviderFailed,
            format!("{title} did not accept the gateway's key"),
            Some(
                "Tell the operator: the key has to be replaced. Another provider's model may work meanwhile.",
            ),
        ),
        Class::Quota => (
            Code::ProviderFailed,
            format!("The gateway's account at {title} has no credit left"),
            Some("Tell the operator to top it up. Another provider's model may work meanwhile."),
        ),
        Class::RateLimited => (Code::ProviderFailed, format!("{title} takes no more work at present"), None),
        Class::Unavailable => (Code::ProviderFailed, format!("{title} is out of service"), None),
        Class::Timeout => (Code::ProviderFailed, format!("{title} did not finish in time"), None),
        Class::NotFound => (
            Code::ProviderFailed,
            format!("{title} does not know this model or job any more"),
            Some("Choose another model from list_models, and tell the operator."),
        ),
        Class::Expired => (Code::ProviderFailed, format!("{title} no longer has what it made"), None),
        Class::Internal => (Code::ProviderFailed, format!("{title} failed"), None),
        Class::Cancelled => (Code::ProviderFailed, format!("{title} stopped the job"), None),
    };
    let refusal = Refusal::new(code, sentence(&message, &failure.message))
        .details(json!({ "provider": provider.name, "class": failure.class }));
    let refusal = match failure.retry_after_millis {
        Some(millis) => refusal.retry_after(u32::try_from(millis / 1000 + 1).unwrap_or(u32::MAX)),
        None => refusal,
    };
    match next {
        Some(next) => refusal.next(next),
        None => refusal,
    }
}

fn sentence(ours: &str, theirs: &str) -> String {
    let said: String = theirs.trim().trim_end_matches('.').chars().filter(|c| !c.is_control()).collect();
    match said.char_indices().nth(MAX_SAID_CHARS) {
        _ if said.is_empty() => format!("{ours}."),
        Some((end, _)) => format!("{ours}: {}….", said.get(..end).unwrap_or_default()),
        None => format!("{ours}: {said}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers;

    #[test]
    fn says_who_said_what_in_one_sentence() {
        let fal = providers::named("fal").unwrap();
        let told = |class, message: &str| of(fal, &Failure::new(class, message)).message;
        assert_eq!(told(Class::Unavailable, ""), "fal is out of service.");
        assert_eq!(
            told(Class::InvalidInput, "num_images: too large.\n"),
            "fal did not take the request: num_images: too large."
        );
        assert!(told(Class::Internal, &"x".repeat(5000)).chars().count() < 330);
    }
}
