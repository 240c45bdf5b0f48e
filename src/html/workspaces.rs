//! The workspaces of a person, and one workspace: its Creative Units, members and open invitations.
//! Not for: who may do what (`workspace`); a form that is shown can still be refused.

use super::Nav;
use super::allowance;
use super::parts::{self, Notice};
use super::provider_keys::{self, ProviderKeys};
use super::statement::{self, Line};
use crate::units::{Allowance, Units};
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct Workspaces {
    pub nav: Nav,
    pub notice: Option<Notice>,
    pub workspaces: Vec<WorkspaceRow>,
    /// False: only the gateway's owners make workspaces.
    pub can_create: bool,
}

#[derive(Clone, Debug)]
pub struct WorkspaceRow {
    pub id: String,
    pub name: String,
    pub role: Role,
    /// `950 Creative Units`
    pub balance: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Owner,
    Member,
    Viewer,
}

#[derive(Clone, Debug)]
pub struct Workspace {
    pub nav: Nav,
    pub notice: Option<Notice>,
    pub id: String,
    pub name: String,
    /// Of the person who looks. Owners see the forms.
    pub role: Role,
    pub free: String,
    pub reserved: String,
    pub spent: String,
    /// The person may add Creative Units and take free ones away.
    pub can_grant: bool,
    /// Goes into the form that does it, so that a double click is one grant.
    pub grant_key: String,
    /// The end of the statement, newest first.
    pub latest: Vec<Line>,
    /// Above which price a person is asked first. None: never.
    pub confirm_above: Option<Units>,
    /// What its files take up: `1.2 GB`.
    pub stored: String,
    pub members: Vec<Member>,
    pub invitations: Vec<OpenInvitation>,
    /// Keys of inference providers, for owners, where there are or may be any.
    pub provider_keys: Option<ProviderKeys>,
}

#[derive(Clone, Debug)]
pub struct Member {
    /// What the forms send back.
    pub person: String,
    pub email: String,
    pub role: Role,
    pub is_self: bool,
    pub allowance: Allowance,
}

#[derive(Clone, Debug)]
pub struct OpenInvitation {
    pub invitation_id: String,
    pub email: String,
    pub role: Role,
    /// The whole address, to be sent by whoever invites. None: it was shown once and is not kept.
    pub link: Option<String>,
    pub expires_at: String,
}

impl Role {
    const ALL: [Role; 3] = [Role::Owner, Role::Member, Role::Viewer];

    pub fn value(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Member => "member",
            Role::Viewer => "viewer",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Role::Owner => "Owner",
            Role::Member => "Member",
            Role::Viewer => "Viewer",
        }
    }

    /// Completes "can …".
    pub(super) fn can(self) -> &'static str {
        match self {
            Role::Owner => "make things, spend Creative Units and manage members",
            Role::Member => "make things and spend Creative Units",
            Role::Viewer => "see everything, but make and spend nothing",
        }
    }
}

pub fn workspaces(view: &Workspaces) -> String {
    let main = html! {
        div.wide-page {
            (parts::heading("Workspaces", &html! { "A workspace holds the Creative Units its members spend and everything they make with them." }))
            (parts::told(view.notice.as_ref()))
            @if view.workspaces.is_empty() {
                (parts::empty("You are in no workspace yet", &html! {
                    p { @if view.can_create { "Make one below, or ask somebody to invite you to theirs." } @else { "Ask somebody to invite you to theirs." } }
                }))
            } @else {
                ul.cards {
                    @for row in &view.workspaces {
                        li { a.card.row-link href={ "/account/workspaces/" (row.id) } {
                            span.choice-body { strong { (parts::name(&row.name)) } span.hint { (row.role.label()) } }
                            span.amount { (row.balance) }
                        } }
                    }
                }
            }
            @if view.can_create { (create(&view.nav.csrf)) }
        }
    };
    super::document("Workspaces", Some(&view.nav), main)
}

fn create(csrf: &str) -> Markup {
    let name = html! { input #name name="name" required maxlength="80" autocomplete="off"; };
    parts::card(
        "new-workspace",
        "Make a workspace",
        &html! {
            form.in-line-form method="post" action="/account/workspaces" {
                (parts::csrf(csrf))
                (parts::field("name", "Name", None, &name))
                (parts::button("Make workspace"))
            }
        },
    )
}

pub fn workspace(view: &Workspace) -> String {
    let base = format!("/account/workspaces/{}", view.id);
    let csrf = &view.nav.csrf;
    let is_owner = view.role == Role::Owner;
    let main = html! {
        div.wide-page {
            div.heading {
                p.context { a href="/account/workspaces" { "Workspaces" } }
                h1 { (parts::name(&view.name)) }
                p.lead { "You are " @if is_owner { "an owner" } @else { "a " (view.role.value()) } ": you can " (view.role.can()) "." }
            }
            (parts::told(view.notice.as_ref()))
            (units(view, &base))
            (files(view, &base))
            @if view.can_grant { (grant(&base, csrf, &view.grant_key)) }
            (members(view, &base))
            @if is_owner { (threshold(view, &base)) }
            @if is_owner { (invitations(view, &base)) }
            @if let Some(keys) = &view.provider_keys { (provider_keys::card(keys, &base, csrf)) }
        }
    };
    super::document(&view.name, Some(&view.nav), main)
}

fn units(view: &Workspace, base: &str) -> Markup {
    parts::card(
        "units",
        "Creative Units",
        &html! {
            dl.amounts {
                div { dt { "Free" } dd.large { (view.free) } }
                div { dt { "Reserved by runs under way" } dd { (view.reserved) } }
                div { dt { "Spent so far" } dd { (view.spent) } }
            }
            @if !view.latest.is_empty() { (statement::lines("latest", &view.latest)) }
            p.links {
                a href={ (base) "/statement" } { "Whole statement" }
                @if view.role == Role::Owner { a href={ (base) "/activity" } { "Activity" } }
            }
        },
    )
}

fn files(view: &Workspace, base: &str) -> Markup {
    parts::card(
        "files",
        "Files",
        &html! {
            p { "Everything made here and uploaded takes up " (view.stored) "." }
            p.links { a href={ (base) "/media" } { "All files" } }
        },
    )
}

fn threshold(view: &Workspace, base: &str) -> Markup {
    let typed = view.confirm_above.map(|units| units.to_string()).unwrap_or_default();
    let above = html! {
        input #confirm_above name="confirm_above" value=(typed) inputmode="decimal" autocomplete="off" maxlength="20"
            aria-describedby="confirm_above-hint";
    };
    let hint = "Creative Units. Leave it empty to never ask. Apps that cannot ask somebody go on without; limits hold for those.";
    parts::card(
        "threshold",
        "Ask before a costly run",
        &html! {
            form.stack method="post" action={ (base) "/threshold" } {
                (parts::csrf(&view.nav.csrf))
                (parts::field("confirm_above", "Ask before a run that costs more than", Some(hint), &above))
                div { button type="submit" { "Save" span.unseen { " when to ask" } } }
            }
        },
    )
}

fn grant(base: &str, csrf: &str, key: &str) -> Markup {
    let amount = html! {
        input #creative_units name="creative_units" autocomplete="off" maxlength="20" required
            aria-describedby="grant-hint";
    };
    let note = html! {
        input #note name="note" maxlength="200" autocomplete="off" placeholder="Budget for March"
            aria-describedby="grant-hint";
    };
    parts::card(
        "grant",
        "Add or take away Creative Units",
        &html! {
            p.hint #grant-hint { "With a minus, such as -20, free ones are taken away; that needs a reason. Units are a budget of this gateway, not a payment. Each change stands in the statement with your name, for every member to read." }
            form.in-line-form method="post" action={ (base) "/grants" } {
                (parts::csrf(csrf))
                (parts::hidden("idempotency_key", key))
                (parts::field("creative_units", "Creative Units", None, &amount))
                (parts::field("note", "Reason", None, &note))
                (parts::button("Change"))
            }
        },
    )
}

fn members(view: &Workspace, base: &str) -> Markup {
    let is_owner = view.role == Role::Owner;
    parts::card(
        "members",
        "Members",
        &html! {
            ul.rows {
                @for (index, member) in view.members.iter().enumerate() {
                    li {
                        span.row-name { (parts::name(&member.email)) @if member.is_self { " " (parts::tag("You")) } }
                        @if is_owner { (manage(index, member, base, &view.nav.csrf)) }
                        @else {
                            span.hint {
                                (member.role.label())
                                @if let Some(words) = allowance::words(member.allowance) { ". " (words) }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn manage(index: usize, member: &Member, base: &str, csrf: &str) -> Markup {
    let id = format!("role-{index}");
    let action = format!("{base}/members");
    let question = html! {
        p { @if member.is_self { "Your" } @else { "Their" } " apps and tokens lose this workspace. What was made stays." }
        form method="post" action=(action) {
            (parts::csrf(csrf))
            (parts::hidden("person", &member.person))
            button.danger type="submit" name="remove" value="yes" {
                @if member.is_self { "Yes, leave" } @else { "Yes, remove" }
            }
        }
    };
    html! {
        div.row-actions {
            form.role-form method="post" action=(action) {
                (parts::csrf(csrf))
                (parts::hidden("person", &member.person))
                label.unseen for=(id) { "Role of " (parts::clean(&member.email)) }
                (roles(&id, member.role))
                button.small type="submit" { "Save" span.unseen { " role of " (parts::clean(&member.email)) } }
            }
            (parts::confirm(if member.is_self { "Leave" } else { "Remove" }, &member.email, &question))
        }
        @if member.role != Role::Viewer { div.row-more { (spends(index, member, base, csrf)) } }
    }
}

fn spends(index: usize, member: &Member, base: &str, csrf: &str) -> Markup {
    let card = allowance::Card {
        key: &format!("member-{index}"),
        action: &format!("{base}/members/allowance"),
        id: ("person", &member.person),
        name: &member.email,
        unlimited: "Spends without a limit",
    };
    allowance::card(&card, member.allowance, csrf)
}

fn roles(id: &str, chosen: Role) -> Markup {
    html! {
        select id=(id) name="role" {
            @for role in Role::ALL { option value=(role.value()) selected[role == chosen] { (role.label()) } }
        }
    }
}

fn invitations(view: &Workspace, base: &str) -> Markup {
    let csrf = &view.nav.csrf;
    let email = html! { input #email type="email" name="email" required autocomplete="off" aria-describedby="email-hint"; };
    parts::card(
        "invite",
        "Invite somebody",
        &html! {
            form.in-line-form method="post" action={ (base) "/invitations" } {
                (parts::csrf(csrf))
                (parts::field("email", "E-mail address", None, &email))
                (parts::field("role", "Role", None, &roles("role", Role::Member)))
                (parts::button("Make invitation"))
            }
            p.hint #email-hint { "No mail is sent: you get a link to pass on, and only this address can accept it." }
            ul.plain { @for role in Role::ALL { li.hint { strong { (role.label()) "s" } " can " (role.can()) "." } } }
            @if !view.invitations.is_empty() {
                h3 { "Open invitations" }
                ul.rows {
                    @for invitation in &view.invitations { (open(invitation, base, csrf)) }
                }
            }
        },
    )
}

fn open(invitation: &OpenInvitation, base: &str, csrf: &str) -> Markup {
    html! {
        li.invitation {
            div.split {
                div {
                    span.row-name { (parts::name(&invitation.email)) }
                    p.hint { (invitation.role.label()) ", expires " (invitation.expires_at) }
                }
                form method="post" action={ (base) "/invitations/withdraw" } {
                    (parts::csrf(csrf))
                    (parts::hidden("invitation_id", &invitation.invitation_id))
                    button.small.quiet-danger type="submit" { "Withdraw" span.unseen { " the invitation of " (parts::clean(&invitation.email)) } }
                }
            }
            @if let Some(link) = &invitation.link { (parts::code(link)) }
        }
    }
}
