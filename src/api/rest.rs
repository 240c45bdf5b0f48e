//! What every REST resource of a workspace shares: who asks, how often, with which scope; lists and their pages; bodies;
//! how a refusal travels. Not for: what a resource is (one file each), or the operator's API, which has a key of its own.

use crate::error::{Code, Refusal};
use crate::http::{Form, MAX_MESSAGE_BYTES, Payload, Request, Response, encode_form};
use crate::id::WorkspaceId;
use crate::mcp::{origin as browsers, transport};
use crate::oauth::bearer::{self, Caller};
use crate::oauth::{Scope, rate};
use crate::origin;
use crate::page;
use crate::platform::{Level, Platform, Unavailable};
use crate::tools::{self, Context, Fault};
use crate::units::Allowance;
use crate::workspace::{self, Actor, Command, Consent, Reply};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// A spreadsheet's page: a few hundred kilobytes, read from one object at once.
pub const MAX_CSV_ROWS: u32 = 1000;
/// Of a browser's preflight.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Accept, Idempotency-Key, If-Match";
/// Browsers cap it at two hours anyway.
const PREFLIGHT_SECONDS: &str = "7200";

pub type Outcome<S> = Result<Response<S>, Fault>;

/// One authenticated request about one workspace.
pub struct Call<'a, P: Platform> {
    pub platform: &'a P,
    pub request: &'a Request,
    pub request_id: &'a str,
    pub caller: &'a Caller,
    pub workspace_id: WorkspaceId,
    /// The public origin, for links.
    pub origin: &'a str,
    query: Form,
}

/// How a list is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
}

/// `{items, nextCursor}`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// Lets in who may come in, counts them, and hands on to `then`. Whatever comes back is told in the same way.
pub async fn admit<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
    then: impl AsyncFnOnce(&Caller) -> Response<P::Stream>,
) -> Response<P::Stream> {
    if let Some(why) = browsers::refusal(platform.config(), request) {
        return refuse(&Refusal::new(Code::Forbidden, why).next("Ask the operator."), request_id);
    }
    if request.method == "OPTIONS" {
        let preflight = Response::empty(204)
            .with("access-control-allow-methods", METHODS)
            .with("access-control-allow-headers", REQUEST_HEADERS)
            .with("access-control-max-age", PREFLIGHT_SECONDS);
        return browsers::share(request, preflight);
    }
    let response = match bearer::authenticate(platform, request).await {
        Err(denied) => {
            transport::refuse(platform, &denied, origin::public(platform.config(), request), "", request_id)
        }
        Ok(caller) => {
            let counted = rate::count(platform, &caller).await;
            counted.tell(match counted.refusal(request_id) {
                Some(refused) => refused,
                None => then(&caller).await,
            })
        }
    };
    browsers::share(request, response)
}

/// 405 with the methods there are.
pub fn method_not_allowed<S>(allow: &'static str, request_id: &str) -> Response<S> {
    let refusal = Refusal::invalid(format!("This address takes {allow}.")).next("Use one of these methods.");
    with_status(405, &refusal, request_id).with("allow", allow)
}

pub fn refuse<S>(refusal: &Refusal, request_id: &str) -> Response<S> {
    with_status(refusal.code.http_status(), refusal, request_id)
}

pub fn with_status<S>(status: u16, refusal: &Refusal, request_id: &str) -> Response<S> {
    let response = Response::json(status, refusal.envelope(request_id).to_string());
    let response = match refusal.retry_after_seconds {
        Some(seconds) => response.with("retry-after", seconds.to_string()),
        None => response,
    };
    response.with("cache-control", "no-store")
}

/// The same for one that does not exist, one of others and one the token is not for.
pub fn unknown_workspace() -> Refusal {
    Refusal::new(Code::WorkspaceNotFound, "No workspace that this token opens has this id.")
        .next("Take the id from the address of the workspace's page, /account/workspaces/{id}.")
}

impl<'a, P: Platform> Call<'a, P> {
    pub fn new(
        platform: &'a P,
        request: &'a Request,
        request_id: &'a str,
        caller: &'a Caller,
        workspace_id: &str,
    ) -> Result<Self, Refusal> {
        let is_open = |id: &WorkspaceId| caller.workspace.as_ref().is_none_or(|bound| bound == id);
        let workspace_id = WorkspaceId::parse(workspace_id).filter(is_open).ok_or_else(unknown_workspace)?;
        let origin = origin::public(platform.config(), request);
        let query = Form::parse(&request.query);
        Ok(Self { platform, request, request_id, caller, workspace_id, origin, query })
    }

    /// 403 that names what is missing; None when nothing is.
    pub fn lacks(&self, needed: Scope) -> Option<Response<P::Stream>> {
        if self.caller.scopes.has(needed) {
            return None;
        }
        let next = if needed.is_for_apps() {
            "Connect again and allow it, or use a token that has it."
        } else {
            "Make a token at /account/tokens with “Choose myself” and tick it there; apps never have it."
        };
        let refusal =
            Refusal::new(Code::Forbidden, format!("The token lacks the scope {}.", needed.as_str()));
        let body = refusal.next(next).envelope(self.request_id).to_string();
        let challenge = bearer::step_up(self.caller, &[needed], self.origin, "");
        Some(bearer::insufficient_scope(challenge, body))
    }

    /// Asks past the cache whether the token still lives: before anything is changed.
    pub async fn confirm(&self) -> Result<(), Fault> {
        bearer::confirm(self.platform, self.caller).await.map(|_| ()).map_err(Fault::Denied)
    }

    pub fn context(&self) -> Context<'_, P> {
        Context {
            platform: self.platform,
            caller: self.caller,
            origin: self.origin,
            request_id: self.request_id,
            pictures: false,
            progress: &|_, _| {},
            allowance: Allowance::default(),
            consent: Consent::CannotAsk,
            agreement: None,
        }
    }

    pub fn actor(&self) -> Actor {
        Actor::person(&self.caller.person, Some(self.caller.token_id()), self.request_id)
    }

    pub async fn ask(&self, command: Command) -> Result<Reply, Fault> {
        Ok(workspace::ask(self.platform, &self.workspace_id, command).await??)
    }

    /// The body as JSON of this shape.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let Payload::Text(text) = &self.request.payload else {
            return Err(Refusal::invalid("The body is too large."));
        };
        let text = if text.is_empty() { "{}" } else { text };
        serde_json::from_str(text).map_err(|fault| {
            Refusal::invalid(format!("The body: {}.", fault.to_string().replace("f64", "a number")))
                .next("Correct it and send it again.")
        })
    }

    pub fn idempotency_key(&self) -> Result<Option<String>, Refusal> {
        let key = self.request.headers.get("idempotency-key").map(str::to_owned);
        tools::spend::check_key(key.as_deref()).map_err(|refusal| Refusal {
            message: refusal.message.replace("idempotency_key", "Idempotency-Key"),
            ..refusal
        })?;
        Ok(key)
    }

    /// Err for a parameter that the resource does not know: a filter that is misspelt must not pass for a wide one.
    pub fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        if let Some(name) = self.query.repeated() {
            return Err(Refusal::invalid(format!("The parameter `{}` is there twice.", shown(name))));
        }
        match self.query.names().find(|name| !names.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let known =
                    if names.is_empty() { "It takes none.".into() } else { format!("There are {list}.") };
                Err(Refusal::invalid(format!("There is no parameter `{}`. {known}", shown(name))))
            }
        }
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name)
    }

    pub fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let number = |text: &str| {
            text.parse().map_err(|_| {
                Refusal::invalid(format!("`{name}` must be a whole number, not `{}`.", shown(text)))
            })
        };
        self.parameter(name).map(number).transpose()
    }

    /// By `format`, else by what `Accept` names first.
    pub fn format(&self) -> Result<Format, Refusal> {
        match self.parameter("format") {
            Some("json") => Ok(Format::Json),
            Some("csv") => Ok(Format::Csv),
            Some(other) => {
                Err(Refusal::invalid(format!("`format` must be `json` or `csv`, not `{}`.", shown(other))))
            }
            None => {
                let accept = self.request.headers.get("accept").unwrap_or_default();
                let mut types = accept.split(',').filter_map(|range| range.split(';').next()).map(str::trim);
                let named = types.find(|name| matches!(*name, "text/csv" | "application/json"));
                Ok(if named == Some("text/csv") { Format::Csv } else { Format::Json })
            }
        }
    }

    pub fn limit(&self, format: Format) -> Result<u32, Refusal> {
        match (format, self.number("limit")?) {
            (Format::Json, asked) => page::limit(asked),
            (Format::Csv, None) => Ok(MAX_CSV_ROWS),
            (Format::Csv, Some(asked)) => {
                let limit = u32::try_from(asked).ok().filter(|limit| (1..=MAX_CSV_ROWS).contains(limit));
                let wrong = || {
                    Refusal::invalid(format!(
                        "`limit` must be from 1 to {MAX_CSV_ROWS} for CSV, not {asked}."
                    ))
                };
                limit.ok_or_else(wrong)
            }
        }
    }

    /// A list as its cursors know it.
    fn list_name(&self, list: &str) -> String {
        format!("{list} of {} for {}", self.workspace_id, self.caller.person)
    }

    /// Where the page begins that the request's cursor names.
    pub fn after(&self, list: &str) -> Result<Option<i64>, Refusal> {
        let after = page::open(self.platform, &self.list_name(list), self.parameter("cursor"))?;
        Ok(after.and_then(|row| row.parse().ok()))
    }

    pub fn cursor(&self, list: &str, after: i64) -> String {
        page::cursor(self.platform, &self.list_name(list), &after.to_string())
    }

    /// The next page's address, with everything else the request asked for.
    pub fn next_link(&self, cursor: &str) -> String {
        let names = self.query.names().filter(|name| *name != "cursor");
        let kept = names.filter_map(|name| Some((name, self.parameter(name)?)));
        let fields: Vec<_> = kept.chain([("cursor", cursor)]).collect();
        format!("<{}{}?{}>; rel=\"next\"", self.origin, self.request.path, encode_form(&fields))
    }
}

/// A parameter that is one of some words.
pub fn word<T: Copy>(
    given: Option<&str>,
    name: &str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<Option<T>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    let words: Vec<_> = all.iter().map(|word| as_str(*word)).collect();
    all.iter()
        .copied()
        .find(|word| as_str(*word) == given)
        .map(Some)
        .ok_or_else(|| Refusal::invalid(format!("`{name}` must be one of {}.", words.join(", "))))
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

pub fn json<S>(status: u16, body: &impl Serialize) -> Response<S> {
    Response::json(status, serde_json::to_string(body).unwrap_or_default()).with("cache-control", "no-store")
}

pub fn list<S>(items: Vec<impl Serialize>, next_cursor: Option<String>) -> Response<S> {
    json(200, &Page { items, next_cursor })
}

/// A file that a browser saves.
pub fn csv<S>(name: &str, text: String) -> Response<S> {
    Response::text(200, super::csv::CONTENT_TYPE, text)
        .with("content-disposition", format!("attachment; filename=\"{name}.csv\""))
        .with("x-content-type-options", "nosniff")
        .with("cache-control", "no-store")
}

/// What a handler came to.
pub fn respond<P: Platform>(call: &Call<'_, P>, outcome: Outcome<P::Stream>) -> Response<P::Stream> {
    match outcome {
        Ok(response) => response,
        Err(Fault::Refused(refusal)) if refusal.code == Code::WorkspaceNotFound => {
            refuse(&unknown_workspace(), call.request_id)
        }
        Err(Fault::Refused(refusal)) => refuse(&refusal, call.request_id),
        Err(Fault::Denied(denied)) => {
            transport::refuse(call.platform, &denied, call.origin, "", call.request_id)
        }
        Err(Fault::Unavailable(reason)) => unavailable(call, &reason),
        Err(Fault::Confirm(confirmation)) => {
            refuse(&Refusal::new(Code::Declined, confirmation.message()), call.request_id)
        }
    }
}

fn unavailable<P: Platform>(call: &Call<'_, P>, reason: &Unavailable) -> Response<P::Stream> {
    let fields = json!({ "request_id": call.request_id, "path": call.request.path, "reason": reason.0 });
    call.platform.log(Level::Error, "rest.unavailable", fields);
    let refusal = Refusal::new(Code::Internal, "The gateway could not reach its own storage.");
    with_status(503, &refusal.retry_after(2), call.request_id)
}

pub fn too_large<S>(request_id: &str) -> Response<S> {
    let refusal = Refusal::invalid(format!("The body is larger than {MAX_MESSAGE_BYTES} bytes."));
    with_status(413, &refusal.next("Send less."), request_id)
}

/// A workspace's answer of another kind than was asked for.
pub fn odd() -> Fault {
    Refusal::new(Code::Internal, "The workspace gave an answer that is not understood.").into()
}

/// Takes away what was fetched beyond the page: the cursor of the next one, if there is one.
pub fn cut<P: Platform, T>(
    call: &Call<'_, P>,
    list: &str,
    items: &mut Vec<T>,
    limit: u32,
    id: impl Fn(&T) -> i64,
) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    items.last().filter(|_| has_more).map(|last| call.cursor(list, id(last)))
}

pub fn csv_page<P: Platform>(
    call: &Call<'_, P>,
    name: &str,
    text: String,
    next: Option<&str>,
) -> Response<P::Stream> {
    match next {
        Some(cursor) => csv(name, text).with("link", call.next_link(cursor)),
        None => csv(name, text),
    }
}
