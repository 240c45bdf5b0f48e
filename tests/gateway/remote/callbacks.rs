//! Callbacks of a run: they only say when to ask. Late, doubled, forged, early, about another attempt or job, they change nothing
//! but the time. Not for: signatures (`crate::callbacks`).

use super::fake::Job;
use super::signed::Said;
use super::{World, code, files, price};
use atelier::crypto;
use atelier::id::RunId;
use atelier::runs::callback::{self, Target};

fn call(world: &World, job: &Job, url: &str, said: &Said) -> u16 {
    world.memory.answer(world.fake.callback(job, url, said)).status
}

fn told(world: &World, said: &Said) -> u16 {
    let job = world.fake.jobs().pop().unwrap();
    call(world, &job, job.webhook.as_deref().unwrap(), said)
}

/// An address as the gateway writes it, for another attempt or item.
fn address(world: &World, id: &str, item: u32, attempt: u32) -> String {
    let target = Target { run_id: RunId::parse(id).unwrap(), item, attempt };
    callback::url(&world.memory, crate::support::http::ORIGIN, "fal", &target)
}

/// Everything of the run that could change.
fn record(world: &World, id: &str) -> String {
    format!("{:?} {:?}", world.items(id), world.ada.units())
}

#[test]
fn a_callback_ends_the_waiting() {
    let world = World::new(1);
    let id = world.begin("a cat up:slow=63", 2);
    world.until_job();
    world.memory.elapse(60);
    let before = world.fake.count("status");
    world.memory.elapse(2);
    assert_eq!(world.fake.count("status"), before, "it is asked every twenty seconds");
    world.memory.elapse(1);
    assert_eq!(told(&world, &Said::default()), 200);
    world.memory.elapse(1);
    assert_eq!(files(&world.end(&id)), 2);
}

/// The job is not over when it says so: the provider's own word counts.
#[test]
fn a_callback_is_not_believed() {
    let world = World::new(1);
    let id = world.begin("a cat up:slow=30", 2);
    world.until_job();
    for _ in 0..3 {
        assert_eq!(told(&world, &Said::default()), 200);
        world.memory.elapse(1);
    }
    assert!(world.stages(&id)[0]["Working"].is_object(), "{:?}", world.stages(&id));
    assert_eq!((files(&world.end(&id)), world.fake.jobs().len()), (2, 1));
}

#[test]
fn one_that_is_forged_or_old_wakes_nobody() {
    let world = World::new(1);
    let id = world.begin("a cat up:slow=300", 2);
    world.until_job();
    world.memory.elapse(5);
    let before = record(&world, &id);
    let all = [
        Said { forged: true, ..Said::default() },
        Said { age: 301, ..Said::default() },
        Said { age: -301, ..Said::default() },
    ];
    for said in all {
        assert_eq!(told(&world, &said), 401, "{said:?}");
        assert_eq!(record(&world, &id), before, "{said:?}");
    }
}

#[test]
fn one_about_another_attempt_item_or_job_changes_nothing() {
    let world = World::new(1);
    let id = world.begin("a cat up:slow=300", 2);
    world.until_job();
    world.memory.elapse(5);
    let job = world.fake.jobs().pop().unwrap();
    let before = record(&world, &id);
    for (item, attempt) in [(0, 0), (0, 2), (1, 1), (u32::MAX, 1)] {
        let status = call(&world, &job, &address(&world, &id, item, attempt), &Said::default());
        assert!(status == 200 || status == 503, "{status}");
        assert_eq!(record(&world, &id), before, "item {item}, attempt {attempt}");
    }
    let other = Said { id: Some("another-job".into()), ..Said::default() };
    assert_eq!(told(&world, &other), 200);
    assert_eq!(record(&world, &id), before);
    let world_of_another = RunId::mint(atelier::platform::Platform::now(&world.memory), &[9; 10]);
    call(&world, &job, &address(&world, world_of_another.as_str(), 0, 1), &Said::default());
    assert_eq!(record(&world, &id), before);
}

#[test]
fn one_for_an_attempt_that_was_refused_is_not_the_next_ones() {
    let world = World::new(1);
    let id = world.begin("a cat up:429=1 up:slow=100", 2);
    world.until_job();
    world.memory.elapse(2);
    let job = world.fake.jobs().pop().unwrap();
    assert_eq!(job.webhook.as_deref(), Some(address(&world, &id, 0, 2).as_str()), "each attempt has its own");
    let before = record(&world, &id);
    let other = Said { id: Some("another-job".into()), ..Said::default() };
    assert_eq!(call(&world, &job, &address(&world, &id, 0, 1), &other), 200);
    assert_eq!(record(&world, &id), before);
}

#[test]
fn one_to_a_run_that_has_ended_changes_nothing() {
    for prompt in ["a cat", "a cat up:fail", "a cat up:slow=60"] {
        let world = World::new(1);
        let id = world.begin(prompt, 2);
        world.until_job();
        if prompt.contains("slow") {
            world.memory.elapse(4);
            world.cancel(&id);
        }
        world.end(&id);
        let before = (record(&world, &id), world.fake.count("status"), world.memory.files());
        for _ in 0..3 {
            assert_eq!(told(&world, &Said::default()), 200);
            world.memory.elapse(30);
        }
        assert_eq!(
            (record(&world, &id), world.fake.count("status"), world.memory.files()),
            before,
            "{prompt}"
        );
    }
}

/// The submit's answer was lost, and no list is to be had: the callback alone names the job.
#[test]
fn one_that_comes_without_a_submits_answer_names_the_job() {
    for word in ["lost", "garbage", "500-created"] {
        let world = World::new(1);
        world.fake.look(|state| state.lists = false);
        let id = world.begin(&format!("a cat up:{word} up:slow=90"), 2);
        world.until_job();
        world.memory.elapse(95);
        let forged = Said { forged: true, ..Said::default() };
        assert_eq!(told(&world, &forged), 401);
        assert!(world.stages(&id)[0]["Submitting"].is_object());
        for _ in 0..2 {
            assert_eq!(told(&world, &Said::default()), 200);
        }
        let run = world.end(&id);
        assert_eq!(
            (run["status"].as_str(), files(&run), price(&run)),
            (Some("complete"), 2, 0.6),
            "{word}: {run}"
        );
        assert_eq!(world.fake.jobs().len(), 1);
    }
}

/// Given up after ten minutes; what comes then comes too late, and takes nothing.
#[test]
fn one_that_comes_after_the_run_was_given_up_takes_nothing() {
    let world = World::new(1);
    world.fake.look(|state| state.lists = false);
    let run = world.run("a cat up:lost", 2);
    assert_eq!((code(&run), price(&run)), ("OUTCOME_UNKNOWN", 0.0));
    let id = run["inference_id"].as_str().unwrap();
    let before = record(&world, id);
    assert_eq!(told(&world, &Said::default()), 200);
    world.memory.elapse(600);
    assert_eq!(record(&world, id), before);
}

/// The first byte of the address that a stranger would change is that of the run.
#[test]
fn an_address_of_another_run_cannot_be_made_from_ones_own() {
    let world = World::new(1);
    let id = world.begin("a cat up:slow=300", 2);
    world.until_job();
    let job = world.fake.jobs().pop().unwrap();
    let url = job.webhook.clone().unwrap();
    let (start, token) = url.rsplit_once('/').unwrap();
    let bytes = crypto::from_base64url(token).unwrap();
    let before = record(&world, &id);
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let url = format!("{start}/{}", crypto::base64url(&changed));
        assert_eq!(call(&world, &job, &url, &Said::default()), 404, "byte {place}");
    }
    assert_eq!(record(&world, &id), before);
}
