//! Sends an adapter's request: to hosts of the provider alone, with its key for those alone, within bounds of time and size.
//! Not for: what an answer means (`providers`), whether to send again (`runs`).

use super::Account;
use crate::outbound::{self, FetchFault, Outbound, Reach};
use crate::platform::{Opened, Platform};
use crate::providers::adapter::{Answer, Call, Takes};

/// What names the platform's own inference instead of a host.
const INFERENCE: &str = "ai:";
/// Errors are short; what a provider adds to one is not read.
const REFUSAL_BYTES: usize = 16 * 1024;
const USER_AGENT: &str = "Atelier/1";

/// For answers that are text. Every status is an answer.
pub async fn send<P: Platform>(platform: &P, account: &Account, call: Call) -> Result<Answer, FetchFault> {
    if call.url.starts_with(INFERENCE) {
        return Err(FetchFault::Refused("the platform's inference answers with files"));
    }
    let answer = platform.fetch(request(account, call)?).await?;
    Ok(Answer { status: answer.status, headers: answer.headers, body: answer.body, stored: None })
}

/// For answers that are files: whoever asks reads the body.
pub async fn open<P: Platform>(
    platform: &P,
    account: &Account,
    call: Call,
) -> Result<Opened<P::Stream>, FetchFault> {
    let is_inference = call.url.starts_with(INFERENCE);
    let request = request(account, call)?;
    match is_inference {
        true => platform.infer(request).await,
        false => platform.open_url(request).await,
    }
}

/// The beginning of a file that a provider made. Err: why not even to ask.
pub fn file_request(account: &Account, url: &str) -> Result<Outbound, &'static str> {
    check_file(account, url)?;
    let mut request = Outbound::get(url).with("accept", "*/*").with("user-agent", USER_AGENT);
    if is_own(account, url)
        && let Some(key) = &account.key
    {
        let (name, value) = (account.adapter.authorize)(key.reveal());
        request = request.with(name, value);
    }
    Ok(request)
}

fn request(account: &Account, call: Call) -> Result<Outbound, FetchFault> {
    let Call { method, url, headers, body, millis, takes } = call;
    if url.starts_with(INFERENCE) && account.adapter.home != INFERENCE {
        return Err(FetchFault::Refused("only Workers AI is asked by its binding"));
    }
    if !url.starts_with(INFERENCE) {
        check_api(account, &url).map_err(FetchFault::Refused)?;
    }
    let max_bytes = if let Takes::Text(bytes) = takes { bytes } else { REFUSAL_BYTES };
    let mut request = Outbound::new(method, url, body).limit(max_bytes, millis);
    request.headers = headers;
    if let Some(key) = &account.key {
        let (name, value) = (account.adapter.authorize)(key.reveal());
        request = request.with(name, value);
    }
    Ok(request.with("user-agent", USER_AGENT))
}

/// Where the API itself lives: the operator's own address may be anywhere, anything else is the provider's public one.
fn check_api(account: &Account, url: &str) -> Result<(), &'static str> {
    if is_own(account, url) && account.address.is_some() {
        return Ok(());
    }
    outbound::check(url, Reach::Public)?;
    let host = crate::origin::hostname(url);
    let is_known = is_own(account, url) || account.adapter.key_hosts.contains(&host);
    if is_known { Ok(()) } else { Err("the URL is not on a host of this provider") }
}

fn check_file(account: &Account, url: &str) -> Result<(), &'static str> {
    if is_own(account, url) && account.address.is_some() {
        return Ok(());
    }
    outbound::check(url, Reach::Public)?;
    let host = crate::origin::hostname(url).to_ascii_lowercase();
    let holds = |known: &&str| match known.strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => host == **known,
    };
    let is_known = is_own(account, url) || account.adapter.file_hosts.iter().any(holds);
    if is_known { Ok(()) } else { Err("the file is not on a host of this provider") }
}

/// Whether it is of the origin that the operator set, or else of the provider's own home.
fn is_own(account: &Account, url: &str) -> bool {
    let home = account.address.as_deref().unwrap_or(account.adapter.home);
    let origin = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        Some((scheme.to_ascii_lowercase(), rest.get(..end)?.to_ascii_lowercase()))
    };
    let (Some(home), Some(of)) = (origin(home), origin(url)) else { return false };
    home == of && !of.1.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::providers;

    fn account(name: &str, address: Option<&str>) -> Account {
        let provider = providers::named(name).unwrap();
        let key: Secret = serde_json::from_str("\"canary\"").unwrap();
        Account {
            provider,
            adapter: provider.adapter().unwrap(),
            key: Some(key),
            address: address.map(str::to_owned),
            owner: None,
            id: None,
            callback_secret: None,
            concurrency: 1,
        }
    }

    #[test]
    fn a_key_goes_to_the_providers_own_hosts_alone() {
        let real = account("replicate", None);
        assert!(request(&real, Call::get("https://api.replicate.com/v1/predictions")).is_ok());
        for url in [
            "https://api.replicate.com.evil.example/v1",
            "https://api.replicate.com@evil.example/",
            "https://evil.example\\@api.replicate.com/",
            "http://api.replicate.com/v1",
            "https://127.0.0.1/",
            "ai:@cf/model",
        ] {
            assert!(request(&real, Call::get(url)).is_err(), "{url}");
        }
        let local = account("replicate", Some("http://127.0.0.1:9000/v1"));
        assert!(request(&local, Call::get("http://127.0.0.1:9000/v1/predictions")).is_ok());
        for url in ["http://127.0.0.1:9001/v1", "http://10.0.0.1/", "http://127.0.0.1:9000@evil.example/"] {
            assert!(request(&local, Call::get(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn a_file_is_fetched_without_the_key_from_elsewhere_than_the_api() {
        let local = account("replicate", Some("http://127.0.0.1:9000/v1"));
        let has_key = |request: Outbound| request.headers.iter().any(|(_, value)| value.contains("canary"));
        assert!(has_key(file_request(&local, "http://127.0.0.1:9000/files/1.png").unwrap()));
        for url in [
            "http://10.0.0.1/x",
            "http://127.0.0.1:9001/x",
            "https://evil.example/x.png",
            "file:///etc/passwd",
        ] {
            assert!(file_request(&local, url).is_err(), "{url}");
        }
    }
}
