//! What a sequence is made of, how it is drawn by lot, and how it reads when one fails: a move on each line.

use atelier::units::{Allowance, Units};
use atelier::workspace::{Consent, Role, RunStatus};
use proptest::prelude::*;
use std::fmt;

/// In the beginning an owner, a member and a viewer; the last is none of the workspace's.
pub const PEOPLE: [&str; 4] = ["ada", "bob", "cleo", "dan"];
const MOST_MOVES: usize = 60;

#[derive(Clone, Debug)]
pub enum Step {
    Admit {
        who: usize,
        token: usize,
        arguments: usize,
        key: Option<usize>,
        price: Units,
        consent: Consent,
    },
    /// The run that was asked for as the so-manieth; there may be none.
    Settle {
        run: usize,
        status: RunStatus,
        price: Units,
    },
    /// By the operator, or by a person.
    Grant {
        by: Option<usize>,
        amount: Units,
    },
    Allow {
        by: usize,
        who: usize,
        allowance: Allowance,
    },
    ConfirmAbove {
        by: usize,
        above: Option<Units>,
    },
    /// By the operator, or by a person; no role takes the person out.
    Role {
        by: Option<usize>,
        who: usize,
        role: Option<Role>,
    },
    Pass {
        seconds: i64,
    },
    Summary {
        who: usize,
    },
    Runs {
        who: usize,
        of: Option<usize>,
        limit: u32,
    },
    Ledger {
        who: usize,
        limit: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delivery {
    Once,
    Twice,
    /// It never arrives.
    Lost,
    AnswerLost,
    /// After so many more moves.
    Later(u32),
    /// At once, and again after so many more moves.
    Again(u32),
}

#[derive(Clone, Debug)]
pub struct Move {
    pub step: Step,
    pub delivery: Delivery,
}

#[derive(Clone)]
pub struct Sequence(pub Vec<Move>);

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Move { step, delivery }) in self.0.iter().enumerate() {
            let delivery =
                if *delivery == Delivery::Once { String::new() } else { format!(" — {delivery:?}") };
            write!(f, "\n{number:>3}. {step:?}{delivery}")?;
        }
        Ok(())
    }
}

fn who() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0_usize), 6 => Just(1), 2 => Just(2), 1 => Just(3)]
}

/// Half units, so that sums are not all whole.
fn units(most: i64) -> impl Strategy<Value = Units> {
    (0..=most).prop_map(|halves| Units::thousandths(halves * 500))
}

fn consent() -> impl Strategy<Value = Consent> {
    prop_oneof![Just(Consent::CannotAsk), Just(Consent::CanAsk), units(4).prop_map(Consent::Given)]
}

fn admit() -> impl Strategy<Value = Step> {
    let key = prop_oneof![2 => Just(None), 1 => (0..2_usize).prop_map(Some)];
    (who(), 0..2_usize, 0..6_usize, key, units(5), consent()).prop_map(
        |(who, token, arguments, key, price, consent)| Step::Admit {
            who,
            token,
            arguments,
            key,
            price,
            consent,
        },
    )
}

fn settle() -> impl Strategy<Value = Step> {
    let status = prop_oneof![
        4 => Just(RunStatus::Complete), 1 => Just(RunStatus::Failed), 1 => Just(RunStatus::Cancelled), 1 => Just(RunStatus::InProgress)
    ];
    let price = (-2..=7_i64).prop_map(|halves| Units::thousandths(halves * 500));
    (0..12_usize, status, price).prop_map(|(run, status, price)| Step::Settle { run, status, price })
}

fn grant() -> impl Strategy<Value = Step> {
    let amount = (-8..=12_i64).prop_map(|halves| Units::thousandths(halves * 500));
    (proptest::option::of(who()), amount).prop_map(|(by, amount)| Step::Grant { by, amount })
}

fn change() -> impl Strategy<Value = Step> {
    let most = || proptest::option::of(units(8));
    let allow = (who(), who(), most(), most()).prop_map(|(by, who, per_day, per_month)| Step::Allow {
        by,
        who,
        allowance: Allowance { per_day, per_month },
    });
    let above =
        (who(), proptest::option::of(units(4))).prop_map(|(by, above)| Step::ConfirmAbove { by, above });
    let role = proptest::option::of(prop_oneof![Just(Role::Owner), Just(Role::Member), Just(Role::Viewer)]);
    let role =
        (proptest::option::of(who()), who(), role).prop_map(|(by, who, role)| Step::Role { by, who, role });
    prop_oneof![allow, above, role]
}

/// Around what is counted in seconds: an admission's half minute, a key's day, days and months.
fn pass() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(1),
        Just(29),
        Just(31),
        Just(7 * 3600),
        Just(24 * 3600 - 1),
        Just(24 * 3600),
        Just(11 * 24 * 3600)
    ]
    .prop_map(|seconds| Step::Pass { seconds })
}

fn read() -> impl Strategy<Value = Step> {
    prop_oneof![
        who().prop_map(|who| Step::Summary { who }),
        (who(), proptest::option::of(who()), 1..5_u32).prop_map(|(who, of, limit)| Step::Runs {
            who,
            of,
            limit
        }),
        (who(), 1..5_u32).prop_map(|(who, limit)| Step::Ledger { who, limit }),
    ]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        12 => Just(Delivery::Once),
        2 => Just(Delivery::Twice),
        1 => Just(Delivery::Lost),
        2 => Just(Delivery::AnswerLost),
        3 => (1..6_u32).prop_map(Delivery::Later),
        2 => (1..6_u32).prop_map(Delivery::Again),
    ]
}

pub fn sequences() -> impl Strategy<Value = Sequence> {
    let step =
        prop_oneof![10 => admit(), 5 => settle(), 3 => grant(), 2 => change(), 4 => pass(), 3 => read()];
    let one = (step, delivery()).prop_map(|(step, delivery)| Move { step, delivery });
    proptest::collection::vec(one, 1..MOST_MOVES).prop_map(|mut moves| {
        // Without units nothing else can happen.
        let step = Step::Grant { by: None, amount: Units::whole(10) };
        moves.insert(0, Move { step, delivery: Delivery::Once });
        Sequence(moves)
    })
}
