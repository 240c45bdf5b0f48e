//! One step of an item that a provider out there runs: submit it, find out what became of a submit that was not answered, ask
//! how far it is, fetch what was made, stop it. Whatever is sent is recorded before; whatever may have begun a job is never
//! sent again.
//! Not for: requests and answers (`providers`), hosts, keys and bounds (`upstream`).

mod fallback;
mod fetch;
mod order;
mod poll;
mod refusal;
mod store;
mod submit;

use super::item::Seen;
use super::state::{Item, ItemStage, Remote};
use super::{item_deadline_seconds, steps};
use crate::error::{Code, Refusal};
use crate::models::{Generation, Model};
use crate::platform::{Level, Platform, Storage, Unavailable};
use crate::providers::adapter::{Class, Failure};
use crate::providers::catalogue::Factors;
use crate::providers::{Adapter, Catalogue, Provider};
use crate::time::Timestamp;
use crate::units::Units;
use crate::upstream::{Account, gate, prices};
use serde_json::json;

/// Everything a step works with.
struct Step<'a, P: Platform, S: Storage> {
    seen: &'a Seen<'a, P, S>,
    item: &'a Item,
    asked: &'a Generation,
    /// As the model that really runs takes it.
    generation: &'a Generation,
    model: &'static Model,
    provider: &'static Provider,
    adapter: &'static Adapter,
    /// What the provider charges now.
    factors: &'a Factors,
}

/// How long after its deadline, or after somebody wanted it to stop, what the provider says of it is waited for.
const STOP_SECONDS: i64 = 5 * 60;

/// Whether the item is run by a provider out there; if so, its step has been made.
pub(super) async fn step<P: Platform, S: Storage>(
    seen: &Seen<'_, P, S>,
    item: &Item,
    asked: &Generation,
) -> Result<bool, Unavailable> {
    let id = if item.remote.model_id.is_empty() { &asked.model_id } else { &item.remote.model_id };
    let catalogue = Catalogue::of(seen.platform.config());
    let Some((provider, model)) = catalogue.provider_of(id) else { return Ok(false) };
    let Some(adapter) = provider.adapter() else { return Ok(false) };
    let factors = prices::current(seen.platform).await;
    let translated = fallback::translate(catalogue, asked, model);
    let Some(generation) = translated.as_ref() else { return Ok(false) };
    let step = Step { seen, item, asked, generation, model, provider, adapter, factors: &factors };
    let now = seen.platform.now();
    match &item.stage {
        ItemStage::Ready if step.is_late(now) => step.end(Err(late()), None).await?,
        ItemStage::Ready => submit::submit(&step).await?,
        ItemStage::Submitting { at } => submit::look_for(&step, *at).await?,
        ItemStage::Working { operation } => poll::poll(&step, operation).await?,
        ItemStage::Fetching { finished, next, since } => fetch::next(&step, finished, *next, *since).await?,
        _ => {}
    }
    Ok(true)
}

fn late() -> Refusal {
    Refusal::new(Code::ProviderFailed, "It did not finish in time; its units were released.")
}

impl<P: Platform, S: Storage> Step<'_, P, S> {
    fn platform(&self) -> &P {
        self.seen.platform
    }

    fn catalogue(&self) -> Catalogue<'_> {
        Catalogue::of(self.seen.platform.config()).at(self.factors)
    }

    fn now(&self) -> Timestamp {
        self.seen.platform.now()
    }

    fn deadline_seconds(&self) -> i64 {
        item_deadline_seconds(Some(self.model))
    }

    fn deadline(&self) -> Timestamp {
        self.item.begun_at.unwrap_or(self.now()).plus_seconds(self.deadline_seconds())
    }

    fn is_late(&self, now: Timestamp) -> bool {
        self.item.past_deadline(now, self.deadline_seconds())
    }

    /// Since when it should stop: somebody cancelled the run, or it takes too long.
    fn stopping_at(&self, now: Timestamp) -> Option<Timestamp> {
        let cancelled = self.seen.record.state.cancelled_at;
        self.item.remote.stopping_at.or(cancelled).or_else(|| self.is_late(now).then_some(now))
    }

    fn is_cancelled(&self) -> bool {
        self.seen.record.state.cancelled_at.is_some()
    }

    /// The one that the job was sent under; None: its key is gone.
    async fn account(&self) -> Result<Option<Account>, Unavailable> {
        if !self.item.remote.has_own_key {
            return Ok(Account::of_operator(self.platform(), self.provider));
        }
        let workspace = &self.seen.record.job.workspace_id;
        let found = Account::find(self.platform(), self.provider, workspace).await?;
        Ok(found.ok().filter(|account| account.owner.is_some()))
    }

    /// Names the job to the gate, however often its submit is refused.
    fn lease(&self) -> String {
        format!("{}:{}:{}", self.seen.record.job.run_id, self.seen.position, self.item.retries)
    }

    fn refusal(&self, failure: &Failure) -> Refusal {
        refusal::of(self.provider, self.item.remote.has_own_key, failure)
    }

    fn change(&self, edit: impl FnOnce(&mut Item)) -> Result<(), Unavailable> {
        self.seen.change(edit)
    }

    fn wait(&self, until: Timestamp, edit: impl FnOnce(&mut Remote)) -> Result<(), Unavailable> {
        self.change(|item| {
            item.next_at = until;
            edit(&mut item.remote);
        })
    }

    fn log(&self, level: Level, event: &str, what: &str) {
        let fields = json!({
            "run_id": self.seen.record.job.run_id, "item": self.seen.position, "model": self.model.id,
            "attempt": self.item.remote.attempt, "what": what,
        });
        self.platform().log(level, event, fields);
    }

    /// Tells the gate that the attempt is over, then ends the item. Ok: what was charged, None by the price list.
    async fn end(
        &self,
        how: Result<Option<Units>, Refusal>,
        class: Option<Class>,
    ) -> Result<(), Unavailable> {
        let (planned, retries) = steps::terms(self.seen.record, self.seen.position);
        let now = self.now();
        let mut ended = self.item.clone();
        match how {
            Ok(charged) => ended.succeed_at(charged, planned, self.generation.batch_size),
            Err(_) if self.is_cancelled() => ended.move_to(ItemStage::Cancelled),
            Err(error) => ended.fail(error, retries, now),
        }
        if ended.stage == ItemStage::Ready {
            let attempt = ended.remote.attempt;
            ended.remote = Remote { attempt, ..Remote::default() };
        }
        self.leave(&ended, class).await?;
        self.change(|item| *item = Item { version: item.version, ..ended })
    }

    /// One that cannot be told is told again, a few times; then the gate forgets the lease by itself.
    async fn leave(&self, ended: &Item, class: Option<Class>) -> Result<(), Unavailable> {
        const TRIES: u32 = 3;
        let was_sent = self.item.remote.attempt > 0;
        let account = match was_sent {
            true => self.account().await?,
            // One that was never let in has only its place in the line to give up.
            false => Account::of(self.platform(), self.provider, &self.seen.record.job.workspace_id).await?,
        };
        let Some(account) = account else { return Ok(()) };
        let outputs = u32::try_from(ended.files().len()).unwrap_or(u32::MAX);
        let micros = match &self.item.stage {
            ItemStage::Fetching { finished, .. } => {
                let billed = Generation { batch_size: outputs, ..self.generation.clone() };
                store::micros(self.catalogue(), self.model, &billed, finished.charge)
            }
            _ => 0,
        };
        let made = gate::Made {
            model: self.model.id.to_owned(),
            workspace: self.seen.record.job.workspace_id.clone(),
            outputs,
            failure: class,
            units: ended.price(),
            micros,
            millis: self.item.remote.sent_at.map_or(0, |sent| self.now().millis_since(sent)),
        };
        let told = gate::leave(self.platform(), &account, &self.lease(), was_sent.then_some(made)).await;
        if self.item.faults >= TRIES { Ok(()) } else { told }
    }
}
