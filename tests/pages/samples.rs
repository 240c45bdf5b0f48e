//! Views filled with what real people, and people who mean harm, would put into them.

use crate::files;
use crate::history;
use crate::providers;
use crate::uploads;
use atelier::html::account::{self, Account, App};
use atelier::html::allowance::Typed;
use atelier::html::check::{self, Check, CheckRow, CheckState};
use atelier::html::consent::{self, Consent, WorkspaceChoice};
use atelier::html::home::{self, Home};
use atelier::html::invitation::{self, Invitation, Visitor};
use atelier::html::media;
use atelier::html::parts::Named;
use atelier::html::problem::{self, Link, Problem};
use atelier::html::providers as html_providers;
use atelier::html::scopes::{self, ScopeChoice};
use atelier::html::sign_in::{self, Choice, DevelopmentForm, SignIn};
use atelier::html::statement::{self, Statement};
use atelier::html::tokens::{self, MadeToken, Token, TokenForm, TokenState, Tokens};
use atelier::html::workspaces::{self, Member, OpenInvitation, Role, Workspace, WorkspaceRow, Workspaces};
use atelier::html::{Nav, Notice, Section, Tone};
use atelier::oauth::{Scope, Scopes};
use atelier::units::{Allowance, Units};

pub const HOSTILE: &str = "\"><script>alert('1')</script><b onmouseover=\"x\">&amp;";
const URL: &str = "https://media.example.com/mcp";
pub const LONG: &str = "The Extraordinarily Thorough Generative Media Assistant for Regional Marketing Teams and Their Many Agencies, Enterprise Edition";
const TOKEN: &str = "atl_pat_6Yq2vS1nT8rXc0mWb4KzJd7LhPf5Ue9Ga3QoRiNtEw_k2v8";

pub fn all() -> Vec<(&'static str, String)> {
    let mut pages = vec![
        ("home", home::home(&start(true, None))),
        ("home-tokens", home::home(&start(false, None))),
        (
            "home-unset",
            home::home(&start(
                false,
                Some(
                    "GATEWAY_SECRET is not set. Set a random one: openssl rand -base64 32 | npx wrangler secret put GATEWAY_SECRET",
                ),
            )),
        ),
        ("sign-in", sign_in::sign_in(&signing_in(true, false))),
        ("sign-in-development", sign_in::sign_in(&signing_in(false, true))),
        ("sign-in-unset", sign_in::sign_in(&signing_in(false, false))),
        ("consent", consent::consent(&consent_claude())),
        ("consent-loopback", consent::consent(&consent_loopback())),
        ("consent-look-alike", consent::consent(&consent_look_alike())),
        ("apps", account::account(&apps(connected()))),
        ("apps-empty", account::account(&apps(Vec::new()))),
        ("tokens", tokens::tokens(&all_tokens())),
        ("tokens-made", tokens::tokens(&made())),
        ("workspaces", workspaces::workspaces(&every_workspace())),
        (
            "workspaces-empty",
            workspaces::workspaces(&Workspaces { workspaces: Vec::new(), ..every_workspace() }),
        ),
        ("workspace", workspaces::workspace(&one_workspace(Role::Owner))),
        ("workspace-viewer", workspaces::workspace(&one_workspace(Role::Viewer))),
        (
            "invitation",
            invitation::invitation(&invited(Visitor::Invited {
                person: s("grace@example.com"),
                csrf: csrf(),
                token: s("inv-1"),
            })),
        ),
        (
            "invitation-unknown",
            invitation::invitation(&invited(Visitor::Unknown {
                sign_in: s("/sign-in?return=%2Finvitations%2F1"),
            })),
        ),
        (
            "invitation-another",
            invitation::invitation(&invited(Visitor::Another {
                person: s("mallory@example.com"),
                csrf: csrf(),
                return_to: s("/invitations/1"),
            })),
        ),
        ("statement", statement::statement(&history::one_statement())),
        (
            "statement-empty",
            statement::statement(&Statement { lines: Vec::new(), older: None, ..history::one_statement() }),
        ),
        ("activity", statement::activity(&history::one_activity())),
        ("media", media::media(&files::some())),
        ("media-empty", media::media(&files::none())),
        ("check", check::check(&checked())),
        ("providers", html_providers::providers(&providers::some())),
        ("problem", problem::problem(&expired())),
    ];
    pages.extend(hostile());
    pages.extend(uploads::all());
    pages
}

/// Everything that can come from outside, hostile or without measure.
pub fn hostile() -> Vec<(&'static str, String)> {
    let mut consent = consent_claude();
    consent.client_name = format!("{HOSTILE}\u{202e}edualC\u{2066}");
    consent.client_host = Some(s(HOSTILE));
    consent.redirect_host = s(HOSTILE);
    consent.person = s(HOSTILE);
    consent.request = s(HOSTILE);
    consent.return_to = Some(s(HOSTILE));
    consent.look_alike = Some(s(HOSTILE));
    consent.problem = Some(s(HOSTILE));
    consent.workspaces.iter_mut().for_each(|workspace| workspace.name = s(HOSTILE));
    let mut app = connected().remove(0);
    (app.client_name, app.workspace, app.client_host) = (s(HOSTILE), s(HOSTILE), Some(s(HOSTILE)));
    app.grant_id = s(HOSTILE);
    let mut many = apps(vec![app]);
    many.nav.person = s(HOSTILE);
    many.notice = Some(Notice { tone: Tone::Danger, text: s(HOSTILE) });
    let mut tokens = made();
    tokens.tokens.iter_mut().for_each(|token| (token.name, token.workspace) = (s(HOSTILE), Some(s(HOSTILE))));
    tokens.made = Some(MadeToken { name: s(HOSTILE), token: s(HOSTILE) });
    tokens.form.name = s(HOSTILE);
    tokens.form.allowance = Typed { per_day: s(HOSTILE), per_month: s(HOSTILE) };
    tokens.form.workspaces = vec![Named { id: s(HOSTILE), name: s(HOSTILE) }];
    let mut workspace = one_workspace(Role::Owner);
    workspace.name = s(HOSTILE);
    workspace.latest = history::hostile_statement().lines;
    workspace.grant_key = s(HOSTILE);
    workspace.members.iter_mut().for_each(|member| (member.person, member.email) = (s(HOSTILE), s(HOSTILE)));
    workspace
        .invitations
        .iter_mut()
        .for_each(|open| (open.email, open.link) = (s(HOSTILE), Some(s(HOSTILE))));
    workspace.provider_keys = Some(providers::hostile_keys());
    let mut invitation = invited(Visitor::Invited { person: s(HOSTILE), csrf: csrf(), token: s(HOSTILE) });
    (invitation.inviter, invitation.workspace, invitation.email) = (s(HOSTILE), s(HOSTILE), s(HOSTILE));
    let problem = Problem {
        title: s(HOSTILE),
        what: s(HOSTILE),
        next: s(HOSTILE),
        request_id: s(HOSTILE),
        link: Some(Link { label: s(HOSTILE), href: s(HOSTILE) }),
    };
    let home = Home {
        url: s(HOSTILE),
        version: s(HOSTILE),
        notice: None,
        problems: vec![s(HOSTILE)],
        sign_in_ready: true,
    };
    let mut pages = vec![
        ("hostile-consent", consent::consent(&consent)),
        ("hostile-apps", account::account(&many)),
        ("hostile-tokens", tokens::tokens(&tokens)),
        ("hostile-workspace", workspaces::workspace(&workspace)),
        ("hostile-statement", statement::statement(&history::hostile_statement())),
        ("hostile-activity", statement::activity(&history::hostile_activity())),
        ("hostile-providers", html_providers::providers(&providers::hostile())),
        ("hostile-media", media::media(&files::hostile())),
        ("hostile-invitation", invitation::invitation(&invitation)),
        ("hostile-problem", problem::problem(&problem)),
        ("hostile-home", home::home(&home)),
    ];
    pages.extend(uploads::hostile());
    pages
}

pub fn s(text: &str) -> String {
    text.to_owned()
}

fn csrf() -> String {
    s("csrf-token")
}

pub fn nav(active: Section) -> Nav {
    Nav { person: s("ada.lovelace@example.com"), active, is_owner: true, csrf: csrf() }
}

fn start(sign_in_ready: bool, notice: Option<&str>) -> Home {
    Home { url: s(URL), version: s("0.1.0"), notice: notice.map(s), problems: Vec::new(), sign_in_ready }
}

fn signing_in(choices: bool, development: bool) -> SignIn {
    let choice = |label: &str, href: &str| Choice { label: s(label), href: s(href) };
    let both = vec![choice("GitHub", "/sign-in/github"), choice("login.example.com", "/sign-in/oidc")];
    SignIn {
        context: Some(s("Claude wants to connect")),
        choices: if choices { both } else { Vec::new() },
        development: development.then(|| DevelopmentForm { return_to: s("/oauth/authorize?x=1") }),
        problem: (choices && development).then(|| s("GitHub did not confirm an e-mail address.")),
    }
}

fn every_scope() -> Vec<ScopeChoice> {
    Scope::ALL.iter().filter_map(|scope| ScopeChoice::named(scope.as_str(), true)).collect()
}

fn every_scope_of_an_app() -> Vec<ScopeChoice> {
    Scopes::for_apps().iter().filter_map(|scope| ScopeChoice::named(scope.as_str(), true)).collect()
}

fn choice(id: &str, name: &str, role: &str, balance: &str, selected: bool) -> WorkspaceChoice {
    WorkspaceChoice { id: s(id), name: s(name), role: s(role), balance: s(balance), selected }
}

fn consent_claude() -> Consent {
    Consent {
        client_name: s("Claude"),
        client_host: Some(s("claude.ai")),
        is_verified: true,
        redirect_host: s("claude.ai"),
        is_loopback: false,
        look_alike: None,
        person: s("ada.lovelace@example.com"),
        csrf: csrf(),
        request: s("sealed.request"),
        return_to: Some(s("/oauth/authorize?client_id=1")),
        workspaces: vec![
            choice("w1", "Studio", "Owner", "950 Creative Units", true),
            choice(
                "w2",
                "Spring campaign for the whole of the northern region and its partner agencies",
                "Member",
                "12,480.5 Creative Units",
                false,
            ),
            choice("w3", "סטודיו תל אביב", "Viewer", "0 Creative Units", false),
        ],
        scopes: every_scope_of_an_app(),
        remembered: false,
        problem: None,
    }
}

fn consent_loopback() -> Consent {
    let few = ["models:read", "forge:read", "forge:execute", "workspaces:read"];
    Consent {
        client_name: s("Claude Code (atelier)"),
        client_host: None,
        is_verified: false,
        redirect_host: s("127.0.0.1"),
        is_loopback: true,
        remembered: true,
        workspaces: vec![choice("w1", "Studio", "Owner", "950 Creative Units", true)],
        scopes: few.iter().filter_map(|name| ScopeChoice::named(name, *name != "forge:execute")).collect(),
        ..consent_claude()
    }
}

pub fn consent_look_alike() -> Consent {
    Consent {
        client_host: Some(s("evil.example")),
        redirect_host: s("evil.example"),
        look_alike: Some(s(
            "It calls itself “Claude”, but sends you to evil.example, which does not belong to Anthropic.",
        )),
        ..consent_claude()
    }
}

fn titles(names: &[&str]) -> Vec<String> {
    names.iter().filter_map(|name| scopes::title(name)).map(s).collect()
}

fn apps(apps: Vec<App>) -> Account {
    let notice =
        Notice { tone: Tone::Good, text: s("Cursor is disconnected. Its next call will be refused.") };
    Account {
        nav: nav(Section::Apps),
        notice: (!apps.is_empty()).then_some(notice),
        apps,
        connector_url: s(URL),
    }
}

fn connected() -> Vec<App> {
    let few = ["forge:execute", "forge:read", "models:read"];
    let every: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let names = [
        "Claude",
        "ChatGPT",
        "Claude Code (atelier)",
        "Cursor",
        LONG,
        "עוזר יצירה",
        "Visual Studio Code",
        "Gemini CLI",
        "Codex",
        "opencode",
        "Amp",
        "MCP Inspector",
    ];
    let app = |(index, name): (usize, &&str)| App {
        grant_id: format!("grant-{index}"),
        client_name: s(name),
        client_host: (index % 4 != 3).then(|| format!("client{index}.example.com")),
        workspace: s(if index % 3 == 0 {
            "Studio"
        } else {
            "Spring campaign for the whole of the northern region"
        }),
        scopes: titles(if index % 2 == 0 { &every } else { &few }),
        connected_at: s("12 March 2026"),
        last_used: (index % 5 != 4).then(|| s("Today, 14:02 UTC")),
        is_loopback: index == 2,
        allowance: limits(index),
    };
    names.iter().enumerate().map(app).collect()
}

/// None, one or both.
fn limits(index: usize) -> Allowance {
    Allowance {
        per_day: (index % 3 != 1).then_some(Units::whole(50)),
        per_month: index.is_multiple_of(3).then_some(Units::thousandths(12_480_500)),
    }
}

fn token(index: usize, name: &str, state: TokenState) -> Token {
    Token {
        token_id: format!("token-{index}"),
        name: s(name),
        hint: s("atl_pat_6Yq2…"),
        scopes: titles(&["forge:execute", "forge:read", "models:read", "workspaces:read", "files:write"]),
        workspace: (index == 0).then(|| s("Studio")),
        created_at: s("12 March 2026"),
        expires_at: (index != 1).then(|| s("10 June 2026")),
        last_used: (index == 0).then(|| s("Yesterday, 09:41 UTC")),
        state,
        allowance: limits(index),
    }
}

fn all_tokens() -> Tokens {
    let named = |id: &str, name: &str| Named { id: s(id), name: s(name) };
    Tokens {
        nav: nav(Section::Tokens),
        notice: None,
        tokens: vec![
            token(0, "CI of the website", TokenState::Active),
            token(1, LONG, TokenState::Active),
            token(2, "Laptop", TokenState::Expired),
            token(3, "Old build server", TokenState::Revoked),
        ],
        made: None,
        form: TokenForm {
            problem: Some(s("Give the token a name.")),
            preset: s("custom"),
            allowance: Typed { per_day: s("fifty"), per_month: s("500") },
            workspaces: vec![named("w1", "Studio"), named("w2", "Spring campaign")],
            scopes: every_scope(),
            ..TokenForm::default()
        },
        connector_url: s(URL),
    }
}

fn made() -> Tokens {
    let mut view = all_tokens();
    view.made = Some(MadeToken { name: s("CI of the website"), token: s(TOKEN) });
    view.tokens.truncate(1);
    (view.form.preset, view.form.problem) = (String::new(), None);
    view
}

fn every_workspace() -> Workspaces {
    let row = |id: &str, name: &str, role, balance: &str| WorkspaceRow {
        id: s(id),
        name: s(name),
        role,
        balance: s(balance),
    };
    Workspaces {
        nav: nav(Section::Workspaces),
        notice: None,
        workspaces: vec![
            row("w1", "Studio", Role::Owner, "950 Creative Units"),
            row("w2", LONG, Role::Member, "12,480.5 Creative Units"),
            row("w3", "סטודיו תל אביב", Role::Viewer, "0 Creative Units"),
        ],
        can_create: true,
    }
}

fn one_workspace(role: Role) -> Workspace {
    let member = |email: &str, role, is_self| Member {
        person: s(email),
        email: s(email),
        role,
        is_self,
        allowance: limits(email.len()),
    };
    let open = |id: &str, email: &str, link: Option<&str>| OpenInvitation {
        invitation_id: s(id),
        email: s(email),
        role: Role::Member,
        link: link.map(s),
        expires_at: s("19 March 2026"),
    };
    Workspace {
        nav: nav(Section::Workspaces),
        notice: Some(Notice {
            tone: Tone::Good,
            text: s("The invitation is made. Send the link below to grace@example.com."),
        }),
        id: s("w1"),
        name: s("Spring campaign"),
        role,
        free: s("12,480.5"),
        reserved: s("40"),
        spent: s("2,479.5"),
        can_grant: role == Role::Owner,
        grant_key: s("0195f3c2-7a41-7b60-9f0e-2f4b8f8a1c12"),
        latest: history::lines().split_off(5),
        stored: s("1.2 GB"),
        confirm_above: (role == Role::Owner).then_some(Units::thousandths(12_500)),
        provider_keys: (role == Role::Owner).then(providers::keys),
        members: vec![
            member("ada.lovelace@example.com", role, true),
            member(
                "a.very.long.address.of.somebody.who.has.many.names@a-department.of.a.large.organisation.example.com",
                Role::Member,
                false,
            ),
            member("grace@example.com", Role::Viewer, false),
        ],
        invitations: vec![
            open(
                "i1",
                "grace@example.com",
                Some("https://media.example.com/invitations/kT3n8Zr1Xo6mQv2yWc9pLb5sHd7fJg0aEu4iRtNqKw"),
            ),
            open("i2", "linus@example.com", None),
        ],
    }
}

fn invited(visitor: Visitor) -> Invitation {
    Invitation {
        inviter: s("ada.lovelace@example.com"),
        workspace: s("Spring campaign"),
        role: Role::Member,
        email: s("grace@example.com"),
        visitor,
        problem: None,
    }
}

fn checked() -> Check {
    let row = |state, title: &str, detail: &str, fix: Option<&str>| CheckRow {
        state,
        title: s(title),
        detail: s(detail),
        fix: fix.map(s),
    };
    Check {
        nav: nav(Section::Check),
        notice: None,
        rows: vec![
            row(
                CheckState::Fail,
                "Sign-in with GitHub",
                "GITHUB_CLIENT_ID is set, but GITHUB_CLIENT_SECRET is not.",
                Some("npx wrangler secret put GITHUB_CLIENT_SECRET"),
            ),
            row(
                CheckState::Warn,
                "Public address",
                "Requests name media.example.com, PUBLIC_URL is not set.",
                Some("PUBLIC_URL = \"https://media.example.com\""),
            ),
            row(CheckState::Ok, "Storage", "The R2 bucket answers.", None),
            row(CheckState::Ok, "Secret", "GATEWAY_SECRET has 44 characters.", None),
        ],
    }
}

fn expired() -> Problem {
    Problem {
        title: s("This request has expired"),
        what: s("The app asked more than ten minutes ago, and such a request is answered once and soon."),
        next: s("Go back to the app and connect again. Nothing was allowed."),
        request_id: s("0195f3c2-7a41-7b60-9f0e-2f4b8f8a1c11"),
        link: Some(Link { label: s("Your connected apps"), href: s("/account") }),
    }
}
