//! How a run at a provider ends, what it costs then and which files it has. Not for: kills (`kills`) and chance (`game`).

use super::{BOTH, GRANT, World, code, files, price};
use serde_json::{Value, json};

fn jobs_of(world: &World) -> (usize, usize) {
    let jobs = world.fake.jobs();
    let replicate = jobs.iter().filter(|job| job.is_replicate).count();
    (jobs.len() - replicate, replicate)
}

/// Four pictures of a megapixel at 0.3 units each are set aside.
#[test]
fn it_is_charged_what_the_provider_billed_and_never_more_than_was_set_aside() {
    let full = World::new(1).run("a cat", 4);
    assert_eq!((files(&full), price(&full)), (4, 1.2), "by the list: {full}");
    for (units, expected) in [("2", 0.6), ("4", 1.2), ("40", 1.2), ("0", 0.0), ("nonsense", 1.2), ("-3", 1.2)]
    {
        let run = World::new(1).run(&format!("a cat up:units={units}"), 4);
        assert_eq!((run["status"].as_str(), files(&run)), (Some("complete"), 4), "{units}: {run}");
        assert_eq!(price(&run), expected, "{units}");
    }
}

#[test]
fn what_did_not_come_is_not_charged() {
    let words = [
        "fewer=1",
        "nsfw=1",
        "black=1",
        "expired=1",
        "wrong-type=1",
        "redirect-private=1",
        "redirect-loop=1",
    ];
    for word in words {
        let world = World::new(1);
        let run = world.run(&format!("a cat up:{word}"), 4);
        assert_eq!((run["status"].as_str(), files(&run)), (Some("complete"), 3), "{word}: {run}");
        assert_eq!(price(&run), 0.9, "{word}");
        assert_eq!(world.fake.jobs().len(), 1, "{word}");
    }
}

#[test]
fn what_failed_is_free_and_made_once() {
    let cases = [
        ("fail", "PROVIDER_FAILED"),
        ("moderated", "MODERATED"),
        ("result-422", "INVALID_INPUTS"),
        ("nsfw=4", "MODERATED"),
        ("black=4", "MODERATED"),
        ("fewer=4", "PROVIDER_FAILED"),
        ("expired=4", "PROVIDER_FAILED"),
        ("wrong-type=4", "PROVIDER_FAILED"),
        ("redirect-private=4", "PROVIDER_FAILED"),
    ];
    for (word, expected) in cases {
        let world = World::with(1, BOTH);
        let run = world.run(&format!("a cat up:{word} up:units=4"), 4);
        assert_eq!((run["status"].as_str(), code(&run)), (Some("failed"), expected), "{word}: {run}");
        assert_eq!((files(&run), price(&run), jobs_of(&world)), (0, 0.0, (1, 0)), "{word}: {run}");
    }
}

#[test]
fn trouble_on_the_way_is_waited_out() {
    let words =
        "up:429=2 up:status-500=3 up:status-garbage=2 up:unknown-status=4 up:file-500=3 up:file-cut=2";
    let world = World::new(1);
    let run = world.run(&format!("a cat {words}"), 4);
    assert_eq!((run["status"].as_str(), files(&run), price(&run)), (Some("complete"), 4, 1.2), "{run}");
    assert_eq!((world.fake.jobs().len(), world.fake.count("submit")), (1, 3));
}

/// The other outputs are there and paid for by the gateway: one that never comes does not take them along.
#[test]
fn an_output_that_never_comes_does_not_cost_the_others() {
    let run = World::new(1).run("a cat up:broken=1", 4);
    assert_eq!((run["status"].as_str(), files(&run), price(&run)), (Some("complete"), 3, 0.9), "{run}");
}

#[test]
fn a_submit_without_an_answer_is_never_repeated() {
    for word in ["lost", "500-created", "garbage"] {
        let world = World::with(1, BOTH);
        let run = world.run(&format!("a cat up:{word}"), 2);
        assert_eq!((run["status"].as_str(), files(&run)), (Some("complete"), 2), "{word}: {run}");
        assert_eq!((world.fake.count("submit"), jobs_of(&world)), (1, (1, 0)), "{word}");

        let world = World::with(1, BOTH);
        world.fake.look(|state| state.lists = false);
        let run = world.run(&format!("a cat up:{word}"), 2);
        assert_eq!((code(&run), price(&run)), ("OUTCOME_UNKNOWN", 0.0), "{word}: {run}");
        assert_eq!((world.fake.count("submit"), jobs_of(&world)), (1, (1, 0)), "{word}");
    }
    let world = World::with(1, BOTH);
    let run = world.run("a cat up:unsent", 2);
    assert_eq!((code(&run), price(&run), jobs_of(&world)), ("OUTCOME_UNKNOWN", 0.0, (0, 0)), "{run}");
}

#[test]
fn a_job_that_never_ends_is_stopped_at_its_deadline() {
    for (word, cancelled) in
        [("", true), (" up:cancel-ignored", false), (" up:cancel-500=2", true), (" up:cancel-500=99", false)]
    {
        let world = World::with(1, BOTH);
        let run = world.run(&format!("a cat up:never{word}"), 2);
        assert_eq!((code(&run), price(&run), files(&run)), ("PROVIDER_FAILED", 0.0, 0), "{word}: {run}");
        let message = run["error"]["message"].as_str().unwrap();
        assert_eq!(message, "It did not finish in time; its units were released.", "{word}");
        assert_eq!(
            world.fake.jobs().iter().map(|job| job.cancelled).collect::<Vec<_>>(),
            [cancelled],
            "{word}"
        );
        assert!(world.fake.count("cancel") > 0, "{word}");
        assert_eq!(jobs_of(&world), (1, 0), "{word}");
    }
}

#[test]
fn a_cancel_waits_for_the_providers_word() {
    let world = World::new(1);
    let id = world.begin("a cat up:slow=60", 2);
    world.until_job();
    world.memory.elapse(5);
    world.cancel(&id);
    world.cancel(&id);
    let run = world.end(&id);
    assert_eq!((run["status"].as_str(), files(&run), price(&run)), (Some("cancelled"), 0, 0.0), "{run}");
    assert!(world.fake.jobs()[0].cancelled);
    assert_eq!(world.fake.count("cancel"), 1);

    let world = World::new(1);
    let id = world.begin("a cat up:slow=60 up:cancel-ignored", 2);
    world.until_job();
    world.memory.elapse(5);
    world.cancel(&id);
    world.memory.elapse(10);
    assert_eq!(world.ada.units(), [GRANT - 0.6, 0.6, 0.0], "nothing is given back before it is known");
    let run = world.end(&id);
    assert_eq!((run["status"].as_str(), files(&run), price(&run)), (Some("cancelled"), 2, 0.6), "{run}");
}

#[test]
fn a_cancel_before_anything_was_sent_sends_nothing() {
    let world = World::new(1);
    let id = world.begin("a cat up:429=99", 2);
    world.memory.elapse(3);
    world.cancel(&id);
    let run = world.end(&id);
    assert_eq!((run["status"].as_str(), price(&run), world.fake.jobs().len()), (Some("cancelled"), 0.0, 0));
}

/// Nobody knows whether there is a job: it is looked for at the usual pace, and stopped when it is found.
#[test]
fn a_cancel_of_a_submit_without_an_answer_is_patient() {
    let world = World::new(1);
    let id = world.begin("a cat up:lost up:slow=400", 2);
    world.until_job();
    world.memory.elapse(5);
    let before = world.fake.count("list");
    world.cancel(&id);
    world.memory.elapse(60);
    let asked = world.fake.count("list") - before;
    assert!(asked < 40, "the list was asked for {asked} times in a minute");
    let run = world.end(&id);
    assert_eq!((run["status"].as_str(), files(&run), price(&run)), (Some("cancelled"), 2, 0.6), "{run}");
}

#[test]
fn a_cancel_while_files_cannot_be_had_is_patient() {
    let world = World::new(1);
    let id = world.begin("a cat up:broken=1", 2);
    world.memory.elapse(20);
    let before = world.fake.count("file");
    world.cancel(&id);
    world.memory.elapse(60);
    let asked = world.fake.count("file") - before;
    assert!(asked < 40, "the file was asked for {asked} times in a minute");
    let run = world.end(&id);
    assert_eq!((run["status"].as_str(), files(&run), price(&run)), (Some("cancelled"), 1, 0.3), "{run}");
}

/// Only where it is certain that no job exists, and the reason may be another at another provider.
#[test]
fn another_provider_is_asked_only_where_no_job_exists() {
    for word in ["429=99", "quota", "gone"] {
        let world = World::with(1, BOTH);
        let asked = square(&world, &format!("a cat up:{word}"));
        let run = world.end(&asked);
        assert_eq!(
            (run["status"].as_str(), files(&run), jobs_of(&world)),
            (Some("complete"), 2, (0, 1)),
            "{word}: {run}"
        );
        assert!(price(&run) <= 0.6, "{word}: {run}");
        assert!(run.to_string().contains("flux-schnell-replicate"), "{word}: it is not told: {run}");
    }
    for (word, expected) in [
        ("auth", "PROVIDER_FAILED"),
        ("invalid", "INVALID_INPUTS"),
        ("moderated-at-once", "MODERATED"),
        ("moderated", "MODERATED"),
        ("fail", "PROVIDER_FAILED"),
    ] {
        let world = World::with(1, BOTH);
        let run = world.end(&square(&world, &format!("a cat up:{word}")));
        assert_eq!((code(&run), price(&run), jobs_of(&world).1), (expected, 0.0, 0), "{word}: {run}");
    }
    let world = World::with(1, BOTH);
    let run = world.end(&square(&world, "a cat up:both up:quota=9"));
    assert_eq!((code(&run), price(&run), jobs_of(&world)), ("PROVIDER_FAILED", 0.0, (0, 0)), "{run}");
}

/// As Replicate can make it too: of the default size.
fn square(world: &World, prompt: &str) -> String {
    world.ada.start(&json!({ "model_id": "flux-schnell", "prompt": prompt, "batch_size": 2, "seed": 7 }))
}

#[test]
fn a_batch_is_made_in_as_few_calls_as_can_be() {
    let world = World::new(1);
    let run = world.run("a cat up:units=3", 9);
    assert_eq!((run["status"].as_str(), files(&run)), (Some("complete"), 9), "{run}");
    let asked: Vec<_> =
        world.fake.jobs().iter().map(|job| (job.asked(), job.input["seed"].clone())).collect();
    assert_eq!(asked, [(3, json!(7)), (3, json!(10)), (3, json!(13))]);
    let ids: std::collections::BTreeSet<_> =
        run["assets"].as_array().unwrap().iter().map(|asset: &Value| asset["asset_id"].to_string()).collect();
    assert_eq!((ids.len(), price(&run)), (9, 2.7));
}

#[test]
fn predictions_end_the_same_ways() {
    let cases = [
        ("", "complete", "none", 2, 0.6),
        ("fewer=1", "complete", "none", 1, 0.3),
        ("expired=1", "complete", "none", 1, 0.3),
        ("lost up:both", "complete", "none", 2, 0.6),
        ("unsent up:both", "failed", "PROVIDER_FAILED", 0, 0.0),
        ("fail", "failed", "PROVIDER_FAILED", 0, 0.0),
        ("moderated", "failed", "MODERATED", 0, 0.0),
        ("never", "failed", "PROVIDER_FAILED", 0, 0.0),
    ];
    for (word, status, expected, count, cost) in cases {
        let world = World::with(1, BOTH);
        let prompt = format!("a cat up:{word}");
        let request =
            json!({ "model_id": "flux-schnell-replicate", "prompt": prompt, "batch_size": 2, "seed": 7 });
        let run = world.end(&world.ada.start(&request));
        assert_eq!((run["status"].as_str(), code(&run)), (Some(status), expected), "{word}: {run}");
        assert_eq!((files(&run), price(&run)), (count, cost), "{word}: {run}");
        let made = usize::from(!word.contains("unsent"));
        assert_eq!((world.fake.count("submit"), jobs_of(&world)), (1, (0, made)), "{word}");
    }
}
