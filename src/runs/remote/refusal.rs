//! A provider's no in the words of the gateway. Not for: what a provider says (`providers`).

use crate::error::{Code, Refusal};
use crate::providers::Provider;
use crate::providers::adapter::{Class, Failure};
use serde_json::json;

/// Characters of a provider's own words that are passed on.
const MAX_SAID_CHARS: usize = 300;

const REPLACE: &str =
    "Tell the operator: the key has to be replaced. Another provider's model may work meanwhile.";
const REPLACE_OWN: &str = "Ask an owner of the workspace to set a new key on the workspace's page. Another provider's model may work meanwhile.";
const TOP_UP: &str = "Tell the operator to top it up. Another provider's model may work meanwhile.";
const TOP_UP_OWN: &str =
    "Ask an owner of the workspace to top it up. Another provider's model may work meanwhile.";
const LATER: &str = "Choose another provider's model, or run it again later.";

/// `is_own_key`: the job went under a key that the workspace brought, so that its owners are the ones to see to it.
pub fn of(provider: &Provider, is_own_key: bool, failure: &Failure) -> Refusal {
    let title = provider.title;
    let whose = if is_own_key { "workspace" } else { "gateway" };
    let (code, message, next) = match failure.class {
        Class::InvalidInput => (Code::InvalidInputs, format!("{title} did not take the request"), None),
        Class::Moderated => (Code::Moderated, format!("{title}'s safety filter refused it"), None),
        Class::Auth => (
            Code::ProviderFailed,
            format!("{title} did not accept the {whose}'s key"),
            Some(if is_own_key { REPLACE_OWN } else { REPLACE }),
        ),
        Class::Quota => (
            Code::ProviderFailed,
            format!("The {whose}'s account at {title} has no credit left"),
            Some(if is_own_key { TOP_UP_OWN } else { TOP_UP }),
        ),
        Class::RateLimited => (Code::ProviderFailed, format!("{title} takes no more work at present"), None),
        Class::Unavailable => {
            let next = failure.retry_after_millis.map(|_| LATER);
            (Code::ProviderFailed, format!("{title} cannot be used at present"), next)
        }
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
    // Replicate makes a list even of one reason.
    let theirs = theirs.trim().trim_start_matches("- ").trim_end_matches('.');
    let said: String = theirs.chars().filter(|c| !c.is_control()).collect();
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
        let told = |class, message: &str| of(fal, false, &Failure::new(class, message)).message;
        assert_eq!(told(Class::Unavailable, ""), "fal cannot be used at present.");
        assert_eq!(
            told(Class::InvalidInput, "num_images: too large.\n"),
            "fal did not take the request: num_images: too large."
        );
        assert_eq!(
            told(Class::InvalidInput, "- input: prompt is required"),
            "fal did not take the request: input: prompt is required."
        );
        assert!(told(Class::Internal, &"x".repeat(5000)).chars().count() < 330);
    }

    #[test]
    fn a_key_of_the_workspaces_own_is_its_owners_affair() {
        let fal = providers::named("fal").unwrap();
        for class in [Class::Auth, Class::Quota] {
            let own = of(fal, true, &Failure::new(class, "no"));
            assert!(
                own.message.contains("the workspace's") || own.message.contains("The workspace's"),
                "{own:?}"
            );
            assert!(own.next_step().starts_with("Ask an owner of the workspace"), "{own:?}");
            assert!(of(fal, false, &Failure::new(class, "no")).next_step().starts_with("Tell the operator"));
        }
    }
}
