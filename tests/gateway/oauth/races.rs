//! Many at once, in every order the scheduler gives, with answers lost on the way and the process killed: one code is
//! redeemed once, one refresh token has one successor, and nobody is signed out who did nothing wrong.

use super::{ADA, App, World, error, invalid_grant, tokens};
use crate::support::dice::Dice;
use crate::support::{Answer, Ask, Browser};
use atelier::http::encode_form;
use atelier::id::PersonId;
use atelier::oauth::account::Account;
use futures::future::join_all;

const SEEDS: u64 = 100;

/// A world whose tasks overtake each other, an app, and a browser that is signed in.
fn world(seed: u64) -> (World, App, Browser) {
    let world = World::with(seed, &[]);
    let app = App::documented();
    let browser = world.signed_in(ADA);
    world.memory.state(|state| state.shuffles = true);
    (world, app, browser)
}

fn redeeming(code: &str) -> Ask {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", super::VERIFIER),
        ("client_id", super::DOCUMENT),
    ];
    Ask::post("/oauth/token", encode_form(&fields)).with("content-type", super::FORM)
}

fn refreshing(token: &str) -> Ask {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", super::DOCUMENT)];
    Ask::post("/oauth/token", encode_form(&fields)).with("content-type", super::FORM)
}

/// The same request by so many at once; None: the process was killed meanwhile.
fn at_once(world: &World, asks: impl Iterator<Item = Ask>) -> Option<Vec<Answer>> {
    world.memory.attempt(join_all(asks.map(|ask| world.memory.send(ask))))
}

/// Of the family the database says: its newest generation, whether it lives.
fn families(world: &World) -> Vec<(i64, bool)> {
    let object = world.memory.object::<Account>(PersonId::of(ADA).as_str());
    let rows =
        object.read("SELECT generation, revoked_at IS NULL FROM grants WHERE code_used_at IS NOT NULL", &[]);
    rows.iter().map(|row| (row.integer(0).unwrap(), row.integer(1).unwrap() != 0)).collect()
}

#[test]
fn of_many_who_redeem_one_code_one_gets_tokens_and_loses_them() {
    for seed in 0..SEEDS {
        let (world, app, browser) = world(seed);
        let code = app.code(&browser);
        let racers = if seed % 10 == 0 { 50 } else { 2 + (seed % 5) as usize };
        let answers = at_once(&world, (0..racers).map(|_| redeeming(&code))).unwrap();
        let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(good.len(), 1, "seed {seed}");
        assert!(bad.iter().all(|answer| error(answer) == invalid_grant()), "seed {seed}");
        // Somebody else may have had the code: OAuth 2.1 section 4.1.3 ends what it issued.
        assert_eq!(families(&world), [(0, false)], "seed {seed}");
        assert_eq!(error(&app.refresh(&world, &tokens(good[0]).refresh)), invalid_grant());
    }
}

/// What a refresh is good for: the token it hands out works next time, for everybody who got one.
#[test]
fn of_many_who_refresh_one_token_all_go_on() {
    for seed in 0..SEEDS {
        let (world, app, browser) = world(seed);
        let first = tokens(&app.redeem(&world, &app.code(&browser))).refresh;
        let racers = if seed % 10 == 0 { 50 } else { 2 + (seed % 5) as usize };
        let mut held: Vec<_> = vec![first; racers];
        for round in 1..=4 {
            let answers = at_once(&world, held.iter().map(|token| refreshing(token))).unwrap();
            held = answers.iter().map(|answer| tokens(answer).refresh).collect();
            assert!(held.iter().all(|token| *token == held[0]), "seed {seed}: one family");
            assert_eq!(families(&world), [(round, true)], "seed {seed}");
            world.memory.elapse(i64::try_from(seed % 4).unwrap() * 1800);
        }
    }
}

/// Each racer refreshes at its own pace, over and over, with the newest token it has got; some are a step behind.
#[test]
fn racers_at_their_own_pace_never_sign_each_other_out() {
    for seed in 0..SEEDS {
        let (world, app, browser) = world(seed);
        let first = tokens(&app.redeem(&world, &app.code(&browser))).refresh;
        let racers = (0..4).map(|_| async {
            let mut token = first.clone();
            for _ in 0..5 {
                let answer = world.memory.send(refreshing(&token)).await;
                assert_eq!(answer.status, 200, "seed {seed}: {}", answer.text());
                token = tokens(&answer).refresh;
            }
            token
        });
        let last = world.memory.run(join_all(racers));
        for token in &last {
            assert_eq!(app.refresh(&world, token).status, 200, "seed {seed}: the last one is no dead end");
        }
        assert!(families(&world)[0].1, "seed {seed}");
    }
}

/// Answers are lost and the process dies at random; the client asks again with what it has.
#[test]
fn a_client_that_loses_answers_is_never_signed_out() {
    for seed in 0..SEEDS {
        let (world, app, browser) = world(seed);
        let mut token = tokens(&app.redeem(&world, &app.code(&browser))).refresh;
        let mut dice = Dice::new(seed);
        let (mut turns, mut troubles) = (0, 0);
        while turns < 12 {
            world.memory.state(|state| {
                state.fault_percent = 15;
                state.kill_after = dice.percent(25).then(|| dice.below(60));
            });
            let racers = 1 + dice.below(3);
            let answers = at_once(&world, (0..racers).map(|_| refreshing(&token)));
            world.memory.state(|state| (state.fault_percent, state.kill_after) = (0, None));
            // The document's site, or our own storage, may have been out of reach; nothing else is an excuse.
            let answers = answers.unwrap_or_default();
            for answer in &answers {
                assert!(matches!(answer.status, 200 | 503), "seed {seed}: {}", answer.text());
            }
            match answers.iter().find(|answer| answer.status == 200) {
                Some(answer) => (token, turns) = (tokens(answer).refresh, turns + 1),
                None => troubles += 1,
            }
            world.memory.elapse(i64::try_from(dice.below(4)).unwrap() * 3000);
            assert!(troubles < 200, "seed {seed}");
        }
        assert!(families(&world)[0].1, "seed {seed}");
    }
}

/// A code whose answer was lost is spent: asking again is a replay. A code that was never reached is not.
#[test]
fn a_code_in_trouble_is_redeemed_at_most_once() {
    let mut outcomes = [0, 0];
    for seed in 0..SEEDS {
        let (world, app, browser) = world(seed);
        let code = app.code(&browser);
        let mut dice = Dice::new(seed);
        let mut succeeded = 0;
        for _ in 0..4 {
            world.memory.state(|state| {
                state.fault_percent = 20;
                state.kill_after = dice.percent(40).then(|| dice.below(30));
            });
            let answers = at_once(&world, (0..2).map(|_| redeeming(&code))).unwrap_or_default();
            succeeded += answers.iter().filter(|answer| answer.status == 200).count();
        }
        world.memory.state(|state| (state.fault_percent, state.kill_after) = (0, None));
        let last = app.redeem(&world, &code);
        succeeded += usize::from(last.status == 200);
        assert!(succeeded <= 1, "seed {seed}");
        assert_eq!(families(&world).len(), 1, "seed {seed}: redeemed, whoever learned of it");
        outcomes[succeeded] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 5), "the dice show both ends: {outcomes:?}");
}

/// Revoked in the middle of a refresh: whichever comes first, nothing lives on.
#[test]
fn a_refresh_that_races_with_its_revocation_does_not_survive_it() {
    for seed in 0..SEEDS {
        let (world, app, browser) = world(seed);
        let first = tokens(&app.redeem(&world, &app.code(&browser))).refresh;
        let form = browser.go("/account").form("/account/apps/revoke");
        let (name, value) = browser.session().unwrap();
        let revoke = browser.filled(&form).with("cookie", &format!("{name}={value}"));
        let asks = [refreshing(&first), revoke, refreshing(&first)];
        let answers = at_once(&world, asks.into_iter()).unwrap();
        assert_eq!(answers[1].status, 303);
        for answer in [&answers[0], &answers[2]] {
            if answer.status == 200 {
                assert_eq!(
                    error(&app.refresh(&world, &tokens(answer).refresh)),
                    invalid_grant(),
                    "seed {seed}"
                );
            } else {
                assert_eq!(error(answer), invalid_grant(), "seed {seed}");
            }
        }
        assert_eq!(error(&app.refresh(&world, &first)), invalid_grant(), "seed {seed}");
    }
}

/// The person clicks twice, in two windows: two connections at most, each of which works.
#[test]
fn consents_at_once_do_not_spoil_each_other() {
    for seed in 0..SEEDS / 2 {
        let (world, app, browser) = world(seed);
        let form = app.ask(&browser, &[]).with("decision", "approve");
        let (name, value) = browser.session().unwrap();
        let ask = || browser.filled(&form).with("cookie", &format!("{name}={value}"));
        let answers = at_once(&world, (0..3).map(|_| ask())).unwrap();
        for answer in &answers {
            let location = answer.header("location").unwrap();
            let code = crate::support::browser::parameter(location, "code").unwrap();
            tokens(&app.redeem(&world, &code));
        }
        assert_eq!(families(&world), [(0, true); 3], "seed {seed}");
    }
}
