//! `offline`: the embedded provider. It needs no key and no network and makes real files by drawing and
//! synthesis, without AI; every file says so in itself and every answer says `placeholder`.
//! It lives through the same run, alarm, storage and settling as any remote provider.
//!
//! Words in a prompt show what else can happen: `offline:fail`, `offline:moderated`, `offline:slow` (20 s),
//! `offline:slow=N` (N seconds), `offline:lost` (the answer to the submit is lost and found again) and `offline:vanished`
//! (and never found).

pub mod bits;
pub mod brush;
pub mod cast;
pub mod catalogue;
pub mod compose;
pub mod crafted;
pub mod dice;
pub mod edit;
pub mod effects;
pub mod film;
pub mod flac;
pub mod form;
pub mod glb;
pub mod h264;
pub mod mp4;
pub mod natural;
pub mod objects;
pub mod paint;
pub mod plane;
pub mod render;
pub mod scene;
pub mod solid;
pub mod sound;
pub mod text;
pub mod trace;
pub mod view;
pub mod wave;
pub mod words;

use super::embedded::{Embedded, Reconciled, Status, Submit, Submitted};
use super::{Kind, Operation, Provider};
use crate::error::{Code, Refusal};
use crate::models::Generation;
use crate::time::Timestamp;
use serde_json::json;

pub const PROVIDER: Provider = Provider {
    name: "offline",
    title: "Embedded offline provider",
    models: catalogue::MODELS,
    kind: Kind::Embedded(Embedded { submit, status, output: render::output, reconcile }),
};

/// What every file says of itself.
pub const NOTE: &str = "Placeholder made by Atelier's embedded offline provider, without AI.";

/// How long `offline:slow` takes: long enough to see progress and to cancel.
const SLOW_SECONDS: i64 = 20;
const MAX_SLOW_SECONDS: i64 = 300;
/// After that a submit of `offline:lost` is found.
const FOUND_AFTER_SECONDS: i64 = 3;
/// Steps in which a slow run tells its progress.
const SLOW_STEPS: i64 = 20;

fn submit(generation: &Generation, now: Timestamp) -> Result<Submitted, Refusal> {
    if says(generation, "offline:moderated") {
        return Err(Refusal::new(Code::Moderated, "The prompt was refused because it says offline:moderated."));
    }
    if says(generation, "offline:lost") || says(generation, "offline:vanished") {
        return Ok(Submitted::Unknown);
    }
    Ok(Submitted::Accepted(begin(generation, now)))
}

fn says(generation: &Generation, word: &str) -> bool {
    generation.prompt.split_whitespace().any(|said| said == word)
}

/// The operation holds when the work is done; there is nothing else to ask for.
fn begin(generation: &Generation, now: Timestamp) -> Operation {
    let takes = generation.prompt.split_whitespace().find_map(|word| match word.strip_prefix("offline:slow")? {
        "" => Some(SLOW_SECONDS),
        rest => rest.strip_prefix('=')?.parse::<i64>().ok().map(|seconds| seconds.clamp(0, MAX_SLOW_SECONDS)),
    });
    json!({
        "started_at": now,
        "takes_millis": takes.unwrap_or(0) * 1000,
        "outputs": generation.batch_size,
        "fails": says(generation, "offline:fail"),
    })
}

/// Nothing runs anywhere else, so what was not recorded here never began, unless the prompt plays otherwise.
fn reconcile(generation: &Generation, submit: Submit) -> Reconciled {
    if says(generation, "offline:vanished") {
        return Reconciled::Unknown;
    }
    if !says(generation, "offline:lost") {
        return Reconciled::NeverArrived;
    }
    match submit.now.millis_since(submit.sent_at) >= FOUND_AFTER_SECONDS * 1000 {
        true => Reconciled::Found(begin(generation, submit.sent_at)),
        false => Reconciled::Unknown,
    }
}

fn status(operation: &Operation, now: Timestamp) -> Status {
    let number = |name: &str| operation.get(name).and_then(serde_json::Value::as_i64).unwrap_or(0);
    let elapsed = now.millis_since(Timestamp(number("started_at")));
    let takes = number("takes_millis");
    if elapsed < takes {
        let fraction = elapsed.max(0) as f64 / takes.max(1) as f64;
        return Status::Working { fraction: fraction * 0.9, check_after_millis: (takes / SLOW_STEPS).clamp(100, 2_000) };
    }
    if operation.get("fails").and_then(serde_json::Value::as_bool) == Some(true) {
        return Status::Failed(Refusal::new(Code::ProviderFailed, "The run failed because its prompt says offline:fail."));
    }
    Status::Finished { outputs: u32::try_from(number("outputs")).unwrap_or(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::generation::{ForgeRequest, normalize};

    fn generation(prompt: &str) -> Generation {
        let request = ForgeRequest { model_id: "offline-image".into(), prompt: Some(prompt.into()), ..Default::default() };
        normalize(catalogue::MODELS.iter().find(|model| model.id == "offline-image").unwrap(), &request, 1).unwrap().0
    }

    #[test]
    fn reserved_words_show_each_way_a_run_can_go() {
        let start = Timestamp(1_000);
        let outcome = |prompt: &str, after: i64| {
            submit(&generation(prompt), start).map(|submitted| match submitted {
                Submitted::Accepted(operation) => status(&operation, start.plus_seconds(after)),
                Submitted::Unknown => Status::Finished { outputs: 0 },
            })
        };
        assert_eq!(outcome("a cat", 0), Ok(Status::Finished { outputs: 1 }));
        assert_eq!(outcome("a cat offline:moderated", 0).unwrap_err().code, Code::Moderated);
        assert!(matches!(outcome("offline:fail", 0), Ok(Status::Failed(refusal)) if refusal.code == Code::ProviderFailed));
        assert!(matches!(outcome("offline:slow", 10), Ok(Status::Working { fraction, .. }) if fraction == 0.45));
        assert_eq!(outcome("offline:slow", 20), Ok(Status::Finished { outputs: 1 }));
        assert!(matches!(outcome("offline:slow=3", 2), Ok(Status::Working { .. })));
        assert!(matches!(outcome("offline:slow=2 offline:fail", 2), Ok(Status::Failed(_))));
    }

    #[test]
    fn a_lost_submit_is_found_and_a_vanished_one_is_not() {
        let start = Timestamp(1_000);
        let look = |prompt: &str, after: i64| {
            reconcile(&generation(prompt), Submit { sent_at: start, now: start.plus_seconds(after) })
        };
        assert_eq!(submit(&generation("offline:lost"), start), Ok(Submitted::Unknown));
        assert_eq!(look("offline:lost", 2), Reconciled::Unknown);
        assert!(matches!(look("offline:lost", 3), Reconciled::Found(_)));
        assert_eq!(look("offline:vanished", 1000), Reconciled::Unknown);
        assert_eq!(look("a cat", 0), Reconciled::NeverArrived);
    }
}
