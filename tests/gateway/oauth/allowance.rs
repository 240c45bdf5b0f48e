//! What a token or an app may spend: set when a token is made, changed and taken away later, by its person and by nobody
//! else, and known to whatever spends from that moment.

use super::{ADA, App, FIRST_WORKSPACE, World, tokens};
use crate::support::browser::{Form, Page};
use crate::support::client::operate;
use crate::support::http::ORIGIN;
use crate::support::{Browser, Client, Memory};
use atelier::http::{Headers, Payload, Request};
use atelier::oauth::bearer;
use atelier::units::{Allowance, Units};
use serde_json::{Value, json};

const DAY: &str = "max_creative_units_per_day";
const MONTH: &str = "max_creative_units_per_month";
const OF_TOKEN: &str = "/account/tokens/allowance";
const OF_APP: &str = "/account/apps/allowance";
const NONE: Allowance = Allowance { per_day: None, per_month: None };

fn allowed(per_day: i64, per_month: i64) -> Allowance {
    Allowance { per_day: Some(Units::thousandths(per_day)), per_month: Some(Units::thousandths(per_month)) }
}

/// What the next spending call of this token would be told.
fn confirmed(memory: &Memory, token: &str) -> Allowance {
    let headers = Headers::from_lines(format!("authorization: Bearer {token}"));
    let request =
        Request::new("POST", &format!("{ORIGIN}/mcp"), headers, Payload::Text(String::new())).unwrap();
    memory.run(async {
        let caller = bearer::authenticate(memory, &request).await.unwrap();
        bearer::confirm(memory, &caller).await.unwrap().allowance
    })
}

fn new_token(browser: &Browser, day: &str, month: &str) -> Form {
    let form = browser.go("/account/tokens").form("/account/tokens").with("name", "of the test");
    form.with(DAY, day).with(MONTH, month)
}

fn shown(page: &Page) -> String {
    let text = page.text();
    let rest = text.split("atl_pat_").nth(1).unwrap_or_else(|| panic!("no token on {text}"));
    format!("atl_pat_{}", rest.split(['<', '"', ' ', '&']).next().unwrap())
}

#[test]
fn a_token_is_made_with_the_limits_its_person_types() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    for (day, month, allowance, line) in [
        ("50", "500", allowed(50_000, 500_000), "Spends at most 50 a day, 500 a month"),
        (
            " 2.5 ",
            "",
            Allowance { per_day: Some(Units::thousandths(2500)), ..NONE },
            "Spends at most 2.5 a day<",
        ),
        (
            "",
            "0.001",
            Allowance { per_month: Some(Units::thousandths(1)), ..NONE },
            "Spends at most 0.001 a month",
        ),
        ("0", "0", allowed(0, 0), "Spends at most 0 a day, 0 a month"),
        ("", "", NONE, "No spending limit of its own"),
    ] {
        let page = ada.submit(&new_token(&ada, day, month));
        assert_eq!(page.status(), 200, "{day}/{month}");
        assert_eq!(confirmed(&world.memory, &shown(&page)), allowance, "{day}/{month}");
        let list = ada.go("/account/tokens");
        assert_eq!(list.text().matches(line).count(), 1, "{line}");
        world.memory.elapse(1);
    }
    let fresh = ada.go("/account/tokens").form("/account/tokens");
    assert_eq!((fresh.get(DAY), fresh.get(MONTH)), (Some(""), Some("")), "nothing is kept from the last");
}

#[test]
fn a_number_that_is_none_comes_back_with_what_was_typed() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    for (day, month, told) in [
        ("fifty", "500", "The most it may spend a day is not a number."),
        ("-1", "", "The most it may spend a day is not a number."),
        ("1,000", "", "The most it may spend a day is not a number."),
        ("50", "1e3", "The most it may spend a month is not a number."),
        ("", "9999999999", "The most it may spend a month is not a number."),
        ("0.0001", "", "The most it may spend a day is not a number."),
        ("<b>", "\"", "The most it may spend a day is not a number."),
    ] {
        let page = ada.submit(&new_token(&ada, day, month).with("expires_in_days", "7"));
        assert_eq!(page.status(), 400, "{day}/{month}");
        assert!(page.text().contains(told) && page.text().contains("such as 50 or 2.5"), "{}", page.text());
        let form = page.form("/account/tokens");
        assert_eq!([form.get(DAY), form.get(MONTH)], [Some(day), Some(month)]);
        assert_eq!([form.get("name"), form.get("expires_in_days")], [Some("of the test"), Some("7")]);
    }
    assert!(ada.go("/account/tokens").text().contains("You have no tokens"));
}

#[test]
fn a_tokens_limits_are_changed_and_taken_away_later_and_hold_at_once() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    world.grant_units(FIRST_WORKSPACE, 5.0);
    let token = shown(&ada.submit(&new_token(&ada, "", "")));
    world.memory.elapse(1);
    let other = shown(&ada.submit(&new_token(&ada, "7", "")));
    assert_eq!(world.may(&token), (200, 200));
    let forms = ada.go("/account/tokens").forms(OF_TOKEN);
    assert_eq!(forms.len(), 2);
    assert_eq!((forms[0].get(DAY), forms[0].get(MONTH)), (Some("7"), Some("")), "newest first, as it is now");
    let done = ada.submit(&forms[1].clone().with(DAY, "50").with(MONTH, "500.5"));
    assert_eq!(done.url, format!("{ORIGIN}/account/tokens?done=limited"));
    assert!(done.text().contains("The limits are changed."));
    assert!(done.text().contains("Spends at most 50 a day, 500.5 a month"));
    assert_eq!(confirmed(&world.memory, &token), allowed(50_000, 500_500));
    assert_eq!(confirmed(&world.memory, &other).per_day, Some(Units::whole(7)), "the other is as it was");
    let now = &ada.go("/account/tokens").forms(OF_TOKEN)[1];
    assert_eq!((now.get(DAY), now.get(MONTH)), (Some("50"), Some("500.5")), "to be changed again");
    ada.submit(&now.clone().with(DAY, "").with(MONTH, ""));
    assert_eq!(confirmed(&world.memory, &token), NONE);
    let refused = ada.submit(&now.clone().with(DAY, "much"));
    assert_eq!(refused.status(), 400);
    assert!(refused.text().contains("The most it may spend a day is not a number."), "{}", refused.text());
    assert_eq!(confirmed(&world.memory, &token), NONE);
}

/// The same person connects the app again: what they allowed it to spend is not forgotten.
#[test]
fn an_apps_limits_are_set_on_its_card_and_outlive_connecting_again() {
    let world = World::new();
    let app = App::documented();
    let ada = world.signed_in(ADA);
    let first = tokens(&app.redeem(&world, &app.code(&ada)));
    assert_eq!(confirmed(&world.memory, &first.access), NONE);
    let page = ada.go("/account");
    assert!(page.text().contains("No spending limit of its own"));
    let done = ada.submit(&page.form(OF_APP).with(DAY, "20"));
    assert_eq!(done.url, format!("{ORIGIN}/account?done=limited"));
    assert!(
        done.text().contains("The limits are changed.") && done.text().contains("Spends at most 20 a day")
    );
    let twenty = Allowance { per_day: Some(Units::whole(20)), ..NONE };
    assert_eq!(confirmed(&world.memory, &first.access), twenty);
    let refreshed = tokens(&app.refresh(&world, &first.refresh));
    assert_eq!(confirmed(&world.memory, &refreshed.access), twenty);

    world.memory.elapse(1);
    let second = tokens(&app.redeem(&world, &app.code(&ada)));
    assert_eq!(confirmed(&world.memory, &second.access), twenty, "connected again");
    let local = App::registered(&world, "http://127.0.0.1/cb");
    let another = tokens(&local.redeem(&world, &local.code(&ada)));
    assert_eq!(confirmed(&world.memory, &another.access), NONE, "another app");
    let bobs = tokens(&app.redeem(&world, &app.code(&world.signed_in("bob@example.com"))));
    assert_eq!(confirmed(&world.memory, &bobs.access), NONE, "another person");

    let refused = ada.submit(&ada.go("/account").forms(OF_APP)[1].clone().with(MONTH, "1.2.3"));
    assert_eq!(refused.status(), 400);
    assert!(refused.text().contains("The most it may spend a month is not a number."));
    for form in ada.go("/account").forms(OF_APP) {
        ada.submit(&form.with(DAY, "").with(MONTH, ""));
    }
    assert_eq!(confirmed(&world.memory, &second.access), NONE);
}

#[test]
fn nobody_else_changes_them() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let held = tokens(&App::documented().redeem(&world, &App::documented().code(&ada)));
    let token = shown(&ada.submit(&new_token(&ada, "5", "")));
    let bob = world.signed_in("bob@example.com");
    let csrf = bob.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    for (page, action, told) in [
        ("/account/tokens", OF_TOKEN, "No token of yours is known"),
        ("/account", OF_APP, "No app of yours is connected"),
    ] {
        let form = ada.go(page).form(action).with(DAY, "999");
        let stolen = bob.submit(&form.clone().with("csrf", &csrf));
        assert_eq!(stolen.status(), 404, "{action}");
        assert!(stolen.text().contains(told), "{}", stolen.text());
        assert_eq!(ada.submit(&form.clone().with("csrf", "x")).status(), 403, "{action}");
        let crossed = if action == OF_TOKEN { "grant_id" } else { "token_id" };
        let id = form.get(if action == OF_TOKEN { "token_id" } else { "grant_id" }).unwrap().to_owned();
        assert_eq!(
            ada.submit(&form.clone().with(crossed, &id).with("token_id", "x").with("grant_id", "x")).status(),
            404
        );
        assert_eq!(world.browser().submit(&form).status(), 403, "signed out, {action}");
    }
    assert_eq!(confirmed(&world.memory, &token).per_day, Some(Units::whole(5)));
    assert_eq!(confirmed(&world.memory, &held.access), NONE);
}

#[test]
fn a_token_that_is_over_says_what_it_was_allowed_and_takes_no_change() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    ada.submit(&new_token(&ada, "50", ""));
    let page = ada.go("/account/tokens");
    let form = page.form(OF_TOKEN);
    let over = ada.submit(&page.form("/account/tokens/revoke"));
    assert!(over.text().contains("Spends at most 50 a day") && over.forms(OF_TOKEN).is_empty());
    assert_eq!(ada.submit(&form.with(DAY, "60")).status(), 404);
    assert!(ada.go("/account/tokens").text().contains("Spends at most 50 a day"));
}

#[test]
fn the_operator_makes_a_token_that_spends_no_more_than_this() {
    let memory = Memory::new();
    let made = |more: Value| {
        let mut body = json!({ "person": ADA });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        operate(&memory, "/api/v1/operator/tokens", &body)
    };
    let answer = made(json!({ DAY: 50, MONTH: 500.5 }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!([&answer.json()[DAY], &answer.json()[MONTH]], [&json!(50), &json!(500.5)]);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(confirmed(&memory, &token), allowed(50_000, 500_500));
    let free = Client::new(&memory, ADA, 5.0);
    assert_eq!(confirmed(&memory, &free.token), NONE);
    assert_eq!(made(json!({ DAY: null })).json()[DAY], Value::Null);
    let objects = memory.state(|state| state.objects.len());
    for (field, value) in [(DAY, -1.0), (MONTH, -0.5), (MONTH, 1e10)] {
        let refused = made(json!({ field: value }));
        let error = refused.json()["error"].clone();
        assert_eq!((refused.status, &error["code"]), (400, &json!("INVALID_INPUTS")), "{field} {value}");
        assert!(error["message"].as_str().unwrap().contains(field), "{error}");
    }
    assert_eq!(made(json!({ DAY: "50" })).status, 400);
    assert_eq!(memory.state(|state| state.objects.len()), objects, "and makes nothing else either");
}
