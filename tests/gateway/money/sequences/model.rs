//! What a workspace should do, in the plainest words: lists that are searched from end to end.

use atelier::error::Code;
use atelier::id::{PersonId, RunId};
use atelier::time::{Period, Timestamp};
use atelier::units::{Allowance, Units};
use atelier::workspace::Grant;
use atelier::workspace::ledger::Kind;
use atelier::workspace::{Admission, Command, Consent, Reply, Role, RunStatus, Settlement};
use std::collections::BTreeMap;

const DAY_SECONDS: i64 = 24 * 3600;
const ADMISSION_SECONDS: i64 = 30;
const RUNNING_AT_MOST: usize = 5;

/// An answer, as far as it matters.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Done,
    Admitted {
        balance: Units,
    },
    Repeat {
        run_id: RunId,
        by_key: bool,
    },
    Confirm {
        above: Units,
    },
    Settled {
        price: Units,
    },
    /// Role, then granted, balance, reserved, spent, then the runs under way.
    Summary(Role, [Units; 4], Option<Units>, Vec<RunId>),
    Refused(Code),
    /// The database itself said no.
    Fault,
}

impl Outcome {
    pub fn of(reply: Option<Reply>) -> Self {
        match reply {
            None => Outcome::Fault,
            Some(Reply::Done | Reply::Granted(_)) => Outcome::Done,
            Some(Reply::Admitted { balance }) => Outcome::Admitted { balance },
            Some(Reply::Repeat { run_id, by_key }) => Outcome::Repeat { run_id, by_key },
            Some(Reply::Confirm { above }) => Outcome::Confirm { above },
            Some(Reply::Settled { price }) => Outcome::Settled { price },
            Some(Reply::Refused(refusal)) => Outcome::Refused(refusal.code),
            Some(Reply::Summary(found)) => Outcome::Summary(
                found.role,
                [found.granted, found.balance, found.reserved, found.spent],
                found.confirm_above,
                found.running,
            ),
            Some(other) => panic!("{other:?}"),
        }
    }
}

impl Outcome {
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Done => "Done",
            Outcome::Admitted { .. } => "Admitted",
            Outcome::Repeat { by_key: true, .. } => "Repeat by key",
            Outcome::Repeat { .. } => "Repeat of what runs",
            Outcome::Confirm { .. } => "Confirm",
            Outcome::Settled { .. } => "Settled",
            Outcome::Summary(..) => "Summary",
            Outcome::Refused(code) => code.as_str(),
            Outcome::Fault => "Fault",
        }
    }
}

#[derive(Debug)]
pub struct Run {
    pub id: RunId,
    pub person: PersonId,
    pub asked_at: Timestamp,
    token: String,
    arguments: String,
    pub status: RunStatus,
    pub reserved: Units,
    pub price: Units,
}

#[derive(Default)]
pub struct Model {
    /// Every run that was ever asked for.
    pub known: Vec<RunId>,
    pub granted: Units,
    pub balance: Units,
    pub reserved: Units,
    pub spent: Units,
    confirm_above: Option<Units>,
    members: BTreeMap<PersonId, (Role, Allowance)>,
    pub admitted: Vec<Run>,
    /// The arguments and the run of the last use, and when.
    keys: BTreeMap<(PersonId, String), (String, RunId, Timestamp)>,
    /// Kind, amount, balance after it.
    pub rows: Vec<(Kind, Units, Units)>,
}

impl Model {
    pub fn new() -> Self {
        let people = [("ada", Role::Owner), ("bob", Role::Member), ("cleo", Role::Viewer)];
        let members = people.map(|(name, role)| (PersonId::of(name), (role, Allowance::default())));
        Self { members: members.into(), ..Self::default() }
    }

    pub fn known_at(&self, number: usize) -> Option<RunId> {
        // Late ones first: those are the ones that still run.
        self.known.iter().rev().nth(number).cloned()
    }

    pub fn tell(&mut self, now: Timestamp, command: &Command) -> Outcome {
        match command {
            Command::Admit(admission) => self.admit(now, admission),
            Command::Settle(settlement) => self.settle(settlement),
            Command::Grant(Grant { amount, .. }) => self.grant(*amount),
            Command::GrantBy(Grant { actor, amount, .. }) => {
                self.as_owner(&actor.id, |model| model.grant(*amount))
            }
            Command::SetConfirmAbove { actor, above } => self.as_owner(&actor.id, |model| {
                model.confirm_above = *above;
                Outcome::Done
            }),
            Command::SetAllowance { actor, person, allowance } => {
                self.as_owner(&actor.id, |model| match model.members.get_mut(person) {
                    Some((_, may)) => {
                        *may = *allowance;
                        Outcome::Done
                    }
                    None => Outcome::Refused(Code::InvalidInputs),
                })
            }
            Command::SetRole { actor, person, role } => {
                self.as_owner(&actor.id, |model| model.set_role(person, *role))
            }
            Command::AddMember { person, role, .. } => {
                self.members.entry(person.clone()).or_insert((*role, Allowance::default())).0 = *role;
                Outcome::Done
            }
            other => panic!("{other:?}"),
        }
    }

    fn as_owner(&mut self, id: &str, then: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        match PersonId::parse(id).and_then(|person| self.members.get(&person)) {
            Some((Role::Owner, _)) => then(self),
            Some(_) => Outcome::Refused(Code::Forbidden),
            None => Outcome::Refused(Code::WorkspaceNotFound),
        }
    }

    fn row(&mut self, kind: Kind, amount: Units) {
        self.rows.push((kind, amount, self.balance));
    }

    fn grant(&mut self, amount: Units) -> Outcome {
        if self.balance + amount < Units::ZERO {
            return Outcome::Refused(Code::InvalidInputs);
        }
        self.granted = self.granted + amount;
        self.balance = self.balance + amount;
        self.row(if amount < Units::ZERO { Kind::Adjust } else { Kind::Grant }, amount);
        Outcome::Done
    }

    fn set_role(&mut self, person: &PersonId, role: Option<Role>) -> Outcome {
        let Some((current, _)) = self.members.get(person).copied() else {
            return Outcome::Refused(Code::InvalidInputs);
        };
        let owners = self.members.values().filter(|(role, _)| *role == Role::Owner).count();
        if current == Role::Owner && role != Some(Role::Owner) && owners == 1 {
            return Outcome::Refused(Code::Forbidden);
        }
        match role {
            Some(role) => _ = self.members.get_mut(person).map(|member| member.0 = role),
            None => _ = self.members.remove(person),
        }
        Outcome::Done
    }

    fn running(&self, person: &PersonId) -> Vec<&Run> {
        let running = |run: &&Run| run.person == *person && run.status == RunStatus::InProgress;
        let mut found: Vec<_> = self.admitted.iter().filter(running).collect();
        found.sort_by(|left, right| left.id.cmp(&right.id));
        found
    }

    fn admit(&mut self, now: Timestamp, wish: &Admission) -> Outcome {
        let Admission { person, price, terms, .. } = wish;
        let may = match self.members.get(person) {
            None => return Outcome::Refused(Code::WorkspaceNotFound),
            Some((Role::Viewer, _)) => return Outcome::Refused(Code::Forbidden),
            Some((_, allowance)) => *allowance,
        };
        let key = terms.idempotency_key.as_ref().map(|key| (person.clone(), key.clone()));
        let used = key.as_ref().and_then(|key| self.keys.get(key));
        if let Some((arguments, run_id, _)) =
            used.filter(|(_, _, at)| now.millis_since(*at) < DAY_SECONDS * 1000)
        {
            return if *arguments == terms.arguments {
                Outcome::Repeat { run_id: run_id.clone(), by_key: true }
            } else {
                Outcome::Refused(Code::IdempotencyConflict)
            };
        }
        let running = self.running(person);
        let same = |run: &&&Run| run.token == terms.token_id && run.arguments == terms.arguments;
        if let (None, Some(first)) = (&key, running.iter().rev().find(same)) {
            return Outcome::Repeat { run_id: first.id.clone(), by_key: false };
        }
        if now.millis_since(wish.asked_at) >= ADMISSION_SECONDS * 1000 {
            return Outcome::Refused(Code::Internal);
        }
        if running.len() >= RUNNING_AT_MOST {
            return Outcome::Refused(Code::RateLimited);
        }
        if self.is_exhausted(wish, None, may)
            || self.is_exhausted(wish, Some(&terms.token_id), terms.allowance)
        {
            return Outcome::Refused(Code::BudgetExceeded);
        }
        if self.balance < *price {
            return Outcome::Refused(Code::InsufficientBalance);
        }
        let agrees = match terms.consent {
            Consent::CannotAsk => true,
            Consent::CanAsk => false,
            Consent::Given(to) => to >= *price,
        };
        if let Some(above) = self.confirm_above.filter(|above| price > above && !agrees) {
            return Outcome::Confirm { above };
        }
        if self.admitted.iter().any(|run| run.id == wish.run_id) {
            return Outcome::Fault;
        }
        self.balance = self.balance - *price;
        self.reserved = self.reserved + *price;
        self.row(Kind::Reserve, *price);
        if let Some(key) = key {
            self.keys.insert(key, (terms.arguments.clone(), wish.run_id.clone(), now));
        }
        self.admitted.push(Run {
            id: wish.run_id.clone(),
            person: person.clone(),
            asked_at: wish.asked_at,
            token: terms.token_id.clone(),
            arguments: terms.arguments.clone(),
            status: RunStatus::InProgress,
            reserved: *price,
            price: Units::ZERO,
        });
        Outcome::Admitted { balance: self.balance }
    }

    /// Whether the day's or the month's runs and this one come to more than is allowed.
    fn is_exhausted(&self, wish: &Admission, token: Option<&str>, may: Allowance) -> bool {
        [(Period::Day, may.per_day), (Period::Month, may.per_month)].into_iter().any(|(period, limit)| {
            let spent = self.spent_in(&wish.person, token, period, wish.asked_at);
            limit.is_some_and(|limit| spent + wish.price > limit)
        })
    }

    pub fn spent_in(&self, person: &PersonId, token: Option<&str>, period: Period, at: Timestamp) -> Units {
        let counts = |run: &&Run| {
            run.person == *person
                && token.is_none_or(|token| run.token == token)
                && period.start(run.asked_at) == period.start(at)
        };
        let spent = |run: &Run| if run.status == RunStatus::InProgress { run.reserved } else { run.price };
        self.admitted.iter().filter(counts).map(spent).fold(Units::ZERO, |sum, price| sum + price)
    }

    fn settle(&mut self, end: &Settlement) -> Outcome {
        if end.status == RunStatus::InProgress {
            return Outcome::Refused(Code::InvalidInputs);
        }
        let Some(run) = self.admitted.iter_mut().find(|run| run.id == end.run_id) else {
            return Outcome::Refused(Code::RunNotFound);
        };
        if run.status != RunStatus::InProgress {
            return Outcome::Settled { price: run.price };
        }
        let price = end.price.clamp(Units::ZERO, run.reserved);
        run.status = end.status;
        run.price = price;
        let (reserved, back) = (run.reserved, run.reserved - price);
        self.reserved = self.reserved - reserved;
        self.spent = self.spent + price;
        self.balance = self.balance + back;
        if price > Units::ZERO {
            self.row(Kind::Settle, price);
        }
        if back > Units::ZERO {
            self.row(Kind::Release, back);
        }
        Outcome::Settled { price }
    }

    pub fn summary(&self, person: &PersonId) -> Outcome {
        let Some((role, _)) = self.members.get(person) else {
            return Outcome::Refused(Code::WorkspaceNotFound);
        };
        let totals = [self.granted, self.balance, self.reserved, self.spent];
        let running = self.running(person).into_iter().map(|run| run.id.clone()).collect();
        Outcome::Summary(*role, totals, self.confirm_above, running)
    }

    /// Newest first.
    pub fn runs(&self, reader: &PersonId, of: Option<PersonId>) -> Option<Vec<RunId>> {
        self.members.get(reader)?;
        let fits = |run: &&Run| of.as_ref().is_none_or(|person| run.person == *person);
        let mut found: Vec<_> = self.admitted.iter().filter(fits).map(|run| run.id.clone()).collect();
        found.sort();
        found.reverse();
        Some(found)
    }

    pub fn ledger(&self, reader: &PersonId) -> Option<Vec<(Kind, Units, Units)>> {
        self.members.get(reader)?;
        Some(self.rows.iter().rev().copied().collect())
    }
}
