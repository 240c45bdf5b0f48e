//! The scopes in plain words, grouped by what they can do to the person: for the consent page and for tokens.
//! Not for: which scopes there are or what they admit (`oauth::scope`); `tests/pages.rs` holds the two together.

use super::parts;
use maud::{Markup, html};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Spends Creative Units.
    Make,
    /// Reaches people or machines outside the gateway.
    Outside,
    /// Changes what others may spend.
    Budget,
    Change,
    Look,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeChoice {
    /// As it stands in a token: `forge:execute`.
    pub name: String,
    pub title: String,
    pub explanation: String,
    /// A word for the summary of a closed group.
    pub short: String,
    pub group: Group,
    pub checked: bool,
}

/// Name, group, title, explanation, short word.
type Words = (&'static str, Group, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const WORDS: &[Words] = &[
    ("forge:execute", Group::Make, "Generate media", "Start and stop images, video, 3D and audio on any model.", "generations"),
    ("workflows:execute", Group::Make, "Run workflows", "Start and stop workflows of several steps.", "workflow runs"),
    ("stories:publish", Group::Outside, "Publish posts", "Post to the social accounts connected here, now or on a schedule.", "posts"),
    ("webhooks:write", Group::Outside, "Send events elsewhere", "Add and remove addresses that are told when something happens.", "webhooks"),
    ("workspaces:write", Group::Budget, "Add and take away Creative Units", "Changes the budget of workspaces you own, if you own this gateway too. Do not give a token with this to an AI agent: it could raise its own budget.", "Creative Units"),
    ("workflows:write", Group::Change, "Edit workflows", "Make, change and delete workflows.", "workflows"),
    ("files:write", Group::Change, "Upload files", "Add files to use as references, masks and inputs.", "uploads"),
    ("projects:write", Group::Change, "Edit projects", "Make and change projects and their settings.", "projects"),
    ("stories:write", Group::Change, "Draft posts", "Write, change and delete drafts. Publishing is a separate permission.", "drafts"),
    ("media:write", Group::Change, "Edit the media library", "Describe and delete files of a workspace.", "library"),
    ("workspaces:read", Group::Look, "See workspaces", "Their names, your role and the Creative Units left.", "workspaces and balances"),
    ("models:read", Group::Look, "See models", "Which models can be run, their parameters and prices.", "models"),
    ("forge:read", Group::Look, "See generations", "Prices before, progress during and files after a generation.", "generations"),
    ("workflows:read", Group::Look, "See workflows", "Workflows, their runs and results.", "workflows"),
    ("projects:read", Group::Look, "See projects", "Projects and their settings.", "projects"),
    ("templates:read", Group::Look, "See templates", "Visual templates of a project.", "templates"),
    ("connections:read", Group::Look, "See connected social accounts", "Which accounts are connected; never their passwords or keys.", "social accounts"),
    ("moments:read", Group::Look, "See moments", "Moments found for posting that wait for review.", "moments"),
    ("stories:read", Group::Look, "See posts", "Drafts, scheduled and published posts.", "posts"),
    ("media:read", Group::Look, "See the media library", "All files of a workspace, made or uploaded.", "library"),
    ("webhooks:read", Group::Look, "See where events go", "Addresses that are told when something happens.", "webhooks"),
];

impl ScopeChoice {
    /// None for a scope that has no words here.
    pub fn named(name: &str, checked: bool) -> Option<Self> {
        WORDS.iter().find(|words| words.0 == name).map(|(name, group, title, explanation, short)| Self {
            name: (*name).to_owned(),
            title: (*title).to_owned(),
            explanation: (*explanation).to_owned(),
            short: (*short).to_owned(),
            group: *group,
            checked,
        })
    }
}

/// What the scope lets somebody do, in two or three words.
pub fn title(name: &str) -> Option<&'static str> {
    WORDS.iter().find(|words| words.0 == name).map(|words| words.2)
}

/// A checkbox a scope. What spends or reaches outside is always in sight; the rest is a line a group that opens.
/// `id` keeps the ids of two such lists in one page apart.
pub(super) fn checkboxes(id: &str, scopes: &[ScopeChoice]) -> Markup {
    html! {
        (open(id, scopes, Group::Make, "Make", "Spends units"))
        (open(id, scopes, Group::Outside, "Reach outside", "Leaves this gateway"))
        (open(id, scopes, Group::Budget, "Budget", "Not for AI agents"))
        (folded(id, scopes, Group::Change, "Add and change"))
        (folded(id, scopes, Group::Look, "Look, without changing anything"))
    }
}

fn of(scopes: &[ScopeChoice], group: Group) -> Vec<&ScopeChoice> {
    scopes.iter().filter(|scope| scope.group == group).collect()
}

fn open(id: &str, scopes: &[ScopeChoice], group: Group, title: &str, consequence: &str) -> Markup {
    let scopes = of(scopes, group);
    html! {
        @if !scopes.is_empty() {
            div.scopes role="group" aria-label={ (title) ": " (consequence) } {
                p.scopes-head { strong { (title) } (parts::tag(consequence)) }
                @for scope in scopes { (checkbox(id, scope)) }
            }
        }
    }
}

fn folded(id: &str, scopes: &[ScopeChoice], group: Group, title: &str) -> Markup {
    let scopes = of(scopes, group);
    let shorts: Vec<_> = scopes.iter().map(|scope| scope.short.as_str()).collect();
    let count = scopes.len();
    html! {
        @if count > 0 {
            details.scopes {
                summary {
                    span.summary-text {
                        span.summary-head {
                            strong { (title) }
                            span.count { (count) @if count == 1 { " permission" } @else { " permissions" } }
                        }
                        span.hint { (sentence(&shorts)) }
                    }
                }
                div role="group" aria-label=(title) {
                    @for scope in scopes { (checkbox(id, scope)) }
                }
            }
        }
    }
}

fn checkbox(id: &str, scope: &ScopeChoice) -> Markup {
    let id = format!("{id}-{}", scope.name.replace(':', "-"));
    html! {
        div.check {
            input type="checkbox" name="scope" value=(scope.name) checked[scope.checked]
                id=(id) aria-describedby={ (id) "-hint" };
            div {
                label for=(id) { (scope.title) }
                p.hint id={ (id) "-hint" } { (scope.explanation) }
            }
        }
    }
}

/// `Models, projects and posts`
fn sentence(words: &[&str]) -> String {
    let text = match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spends_or_publishes_is_never_folded_away() {
        let scopes: Vec<_> = WORDS.iter().filter_map(|words| ScopeChoice::named(words.0, true)).collect();
        let html = checkboxes("scope", &scopes).into_string();
        let before_folds = html.split("<details").next().unwrap_or_default();
        for name in
            ["forge:execute", "workflows:execute", "stories:publish", "webhooks:write", "workspaces:write"]
        {
            assert!(before_folds.contains(&format!("value=\"{name}\"")), "{name}");
        }
        assert_eq!(html.matches("type=\"checkbox\"").count(), WORDS.len());
    }

    #[test]
    fn words_become_a_sentence() {
        assert_eq!(sentence(&["models"]), "Models");
        assert_eq!(sentence(&["models", "posts", "files"]), "Models, posts and files");
        assert_eq!(sentence(&[]), "");
    }
}
