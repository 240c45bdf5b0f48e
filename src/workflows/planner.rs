//! Makes a [`Plan`]: binds the inputs, evaluates texts and conditions, repeats what is repeated, and normalises and
//! prices every run, in the order of the graph.

use super::choice::{Attempt, split};
use super::document::Workflow;
use super::plan::{FileRef, Plan, PlannedOutput, PlannedRun, PlannedStep, StepCondition, Work};
use super::problem::{Problem, Problems};
use super::reference::{Reference, references, whole};
use super::scope::{Item, Scope, Text, Texts};
use super::step::{Body, Step, When};
use super::{Ended, MAX_ITEMS, MAX_PLAN_BYTES, MAX_RUNS, graph, request};
use crate::error::Refusal;
use crate::id::AssetId;
use crate::models::Modality;
use crate::providers::Catalogue;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Checks the inputs, binds them, and normalises and prices every run. `random_seed` is asked once for each run.
pub fn plan(
    workflow: &Workflow,
    workflow_id: &str,
    version: u32,
    inputs: &Map<String, Value>,
    catalogue: Catalogue<'_>,
    random_seed: &mut dyn FnMut() -> u32,
) -> Result<Plan, Refusal> {
    let mut problems = Problems::default();
    let inputs = bind(workflow, inputs, &mut problems);
    if !problems.is_empty() {
        return Err(refusal(problems));
    }
    let mut planner = Planner {
        workflow,
        input_files: given_files(workflow, &inputs),
        inputs,
        needs: graph::needs(&workflow.steps),
        texts: Texts::new(),
        steps: Vec::new(),
        most: Vec::new(),
        runs: 0,
        warnings: Vec::new(),
        problems,
        catalogue,
        random_seed,
    };
    for index in &workflow.order {
        planner.add(*index);
    }
    let outputs = workflow.outputs.iter().filter_map(|output| {
        let from = planner.file_ref(whole(&output.from)?)?;
        Some(PlannedOutput { name: output.name.clone(), from })
    });
    let plan = Plan {
        workflow_id: workflow_id.to_owned(),
        version,
        name: workflow.name.clone(),
        outputs: outputs.collect(),
        steps: planner.steps,
        warnings: planner.warnings,
        input_files: planner.input_files,
    };
    let mut problems = planner.problems;
    if planner.runs > MAX_RUNS {
        let message =
            format!("These inputs make {} model runs; at most {MAX_RUNS} are allowed.", planner.runs);
        problems.add("steps", message);
    }
    // A plan that cannot be written has no length either.
    let bytes = serde_json::to_string(&plan).map_or(usize::MAX, |text| text.len());
    if problems.is_empty() && bytes > MAX_PLAN_BYTES {
        problems.add("inputs", "With these texts the plan is too large to keep. Give shorter ones.");
    }
    if problems.is_empty() { Ok(plan) } else { Err(refusal(problems)) }
}

fn refusal(problems: Problems) -> Refusal {
    let problems = problems.into_vec();
    let first =
        problems.first().map_or_else(String::new, |Problem { path, message }| format!("`{path}`: {message}"));
    let more = match problems.len() {
        0 | 1 => String::new(),
        2 => " One more problem is in details.problems.".to_owned(),
        count => format!(" {} more problems are in details.problems.", count - 1),
    };
    Refusal::invalid(first + &more)
        .next("Correct the inputs named and call again.")
        .details(json!({ "problems": problems }))
}

/// Every input with its value. What is optional and absent is left out.
fn bind(workflow: &Workflow, given: &Map<String, Value>, problems: &mut Problems) -> Map<String, Value> {
    let mut bound = Map::new();
    for input in &workflow.inputs {
        let path = format!("inputs.{}", input.name);
        match given.get(&input.name) {
            Some(value) => match input.check(value) {
                Ok(value) => _ = bound.insert(input.name.clone(), value),
                Err(message) => problems.add(path, message),
            },
            None => match &input.default {
                Some(default) => _ = bound.insert(input.name.clone(), default.clone()),
                None if input.required => {
                    problems.add(path, format!("Missing. {}", input.description).trim_end());
                }
                None => {}
            },
        }
    }
    for name in given.keys().filter(|name| !workflow.inputs.iter().any(|input| input.name == **name)) {
        let known: Vec<_> = workflow.inputs.iter().map(|input| input.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let shown: String = name.chars().take(40).collect();
        problems.add(format!("inputs.{shown}"), format!("There is no such input. The inputs: {known}."));
    }
    bound
}

fn given_files(workflow: &Workflow, inputs: &Map<String, Value>) -> Vec<(AssetId, Modality)> {
    let mut files = Vec::new();
    for input in &workflow.inputs {
        if let (Some(kind), Some(id)) =
            (input.kind.modality(), inputs.get(&input.name).and_then(Value::as_str))
            && let Some(id) = AssetId::parse(id)
        {
            add_file(&mut files, (id, kind));
        }
    }
    files
}

fn add_file(files: &mut Vec<(AssetId, Modality)>, file: (AssetId, Modality)) {
    if !files.contains(&file) {
        files.push(file);
    }
}

struct Planner<'a> {
    workflow: &'a Workflow,
    inputs: Map<String, Value>,
    needs: Vec<BTreeSet<usize>>,
    texts: Texts,
    steps: Vec<PlannedStep>,
    /// How many files each of `steps` makes at most.
    most: Vec<usize>,
    runs: usize,
    input_files: Vec<(AssetId, Modality)>,
    warnings: Vec<String>,
    problems: Problems,
    catalogue: Catalogue<'a>,
    random_seed: &'a mut dyn FnMut() -> u32,
}

impl Planner<'_> {
    fn add(&mut self, index: usize) {
        let Some(step) = self.workflow.steps.get(index) else { return };
        let (when, work) = self.work(step);
        let needed = self.needs.get(index).into_iter().flatten();
        let mut needs: Vec<usize> =
            needed.filter_map(|index| self.position(&self.workflow.steps.get(*index)?.id)).collect();
        needs.sort_unstable();
        self.most.push(self.count(&work));
        self.steps.push(PlannedStep {
            id: step.id.clone(),
            title: step.title.clone(),
            needs,
            when,
            optional: step.optional,
            retries: step.retries,
            work,
        });
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn work(&mut self, step: &Step) -> (Option<StepCondition>, Work) {
        let is_pick = matches!(step.body, Body::Pick { .. });
        if !is_pick && self.lacks_something(step) {
            return (None, Work::Skipped);
        }
        let Some(when) = self.condition(step) else { return (None, Work::Skipped) };
        let work = match &step.body {
            Body::Model { .. } | Body::Transform { .. } => self.model_runs(step),
            Body::Text { template, .. } => self.text(step, template),
            Body::Pick { from, index } => {
                let from = from.iter().filter_map(|file| self.file_ref(whole(file.as_str()?)?));
                let from: Vec<_> = from.filter(|file| self.may_exist(file)).collect();
                if from.is_empty() { Work::Skipped } else { Work::Pick { from, index: *index } }
            }
        };
        match work {
            Work::Skipped => (None, Work::Skipped),
            work => (when, work),
        }
    }

    /// Whether something it names will certainly not exist.
    fn lacks_something(&mut self, step: &Step) -> bool {
        let mut lacks = false;
        for reference in step.strings().into_iter().flat_map(references) {
            lacks |= match reference {
                Reference::Input(name) => !self.inputs.contains_key(name),
                Reference::Text(id) | Reference::Items(id) => !self.texts.contains_key(id),
                Reference::Files(id, index) => {
                    let most = self.most_files_of(id);
                    if let Some(index) = index.filter(|index| (1..=*index).contains(&most)) {
                        let files = if most == 1 { "file" } else { "files" };
                        let (own, at) = (&step.id, index);
                        self.warn(format!("`{own}` is skipped: `{id}` makes {most} {files} here, so there is no files[{at}]."));
                    }
                    index.unwrap_or(0) >= most
                }
                Reference::Item | Reference::Index => false,
            };
        }
        lacks
    }

    /// None: it is known that the step will not be done.
    fn condition(&mut self, step: &Step) -> Option<Option<StepCondition>> {
        match &step.when {
            None => Some(None),
            Some(When::Value { value, is }) => {
                let value = match self.scope(None, &|_| None).value(value) {
                    Ok(value) => value,
                    Err(message) => {
                        self.problems.add(format!("{}.when.value", step.path()), message);
                        return None;
                    }
                };
                is.iter().any(|wanted| equal(wanted, &value)).then_some(None)
            }
            Some(When::Step { step: other, is }) => {
                let position = self.position(other)?;
                let ended = self.steps.get(position)?;
                let known = match ended.work {
                    Work::Skipped => Some(Ended::Skipped),
                    Work::Text(_) => Some(Ended::Success),
                    Work::Runs(_) | Work::Pick { .. } => None,
                };
                if let Some(known) = known {
                    return is.contains(&known).then_some(None);
                }
                let is: Vec<Ended> = is
                    .iter()
                    .copied()
                    .filter(|end| *end != Ended::Skipped || may_be_skipped(ended))
                    .collect();
                if is.is_empty() { None } else { Some(Some(StepCondition { step: position, is })) }
            }
        }
    }

    fn scope<'s>(
        &'s self,
        item: Option<(Item, usize)>,
        files: &'s dyn Fn(Reference<'_>) -> Option<Vec<FileRef>>,
    ) -> Scope<'s> {
        Scope { inputs: &self.inputs, texts: &self.texts, item, files }
    }

    fn text(&mut self, step: &Step, template: &str) -> Work {
        let Body::Text { split, max_items, .. } = &step.body else { return Work::Skipped };
        let text = match self.scope(None, &|_| None).text(template) {
            Ok(text) => text,
            Err(message) => {
                self.problems.add(format!("{}.template", step.path()), message);
                return Work::Skipped;
            }
        };
        let items = split.map(|split| split.apply(&text)).unwrap_or_default();
        if items.len() > *max_items {
            let pieces = items.len();
            let message = format!(
                "`{}` has {pieces} pieces; at most {max_items} are allowed. Shorten its text.",
                step.id
            );
            self.problems.add(format!("{}.max_items", step.path()), message);
            return Work::Skipped;
        }
        let shown = if split.is_some() { items.clone() } else { vec![text.clone()] };
        self.texts.insert(step.id.clone(), Text { text, items });
        Work::Text(shown)
    }

    fn model_runs(&mut self, step: &Step) -> Work {
        let Some(models) = step.models() else { return Work::Skipped };
        let items = match &step.for_each {
            None => vec![None],
            Some(list) => self.items(list).into_iter().zip(1..).map(Some).collect::<Vec<_>>(),
        };
        if items.is_empty() {
            self.warn(format!("`{}` is skipped: its list is empty.", step.id));
            return Work::Skipped;
        }
        if items.len() > MAX_ITEMS {
            let message =
                format!("The list has up to {} items; at most {MAX_ITEMS} are allowed.", items.len());
            self.problems.add(format!("{}.for_each", step.path()), message);
            return Work::Skipped;
        }
        let items: Vec<_> = items.into_iter().map(|item| (item, (self.random_seed)())).collect();
        let mut problems = std::mem::take(&mut self.problems);
        let made = models.first_that_fits(&mut problems, |attempt, problems| {
            let runs =
                items.iter().map(|(item, seed)| self.run(step, attempt, item.clone(), *seed, problems));
            Some(runs.flatten().collect::<Vec<_>>())
        });
        self.problems = problems;
        let mut runs = Vec::new();
        for (made, warnings) in made.unwrap_or_default() {
            for warning in warnings {
                self.warn(format!("`{}`: {warning}", step.id));
            }
            for run in &made {
                for file in request::assets(&run.generation, &run.files) {
                    if !self.input_files.iter().any(|(id, _)| *id == file.0) {
                        add_file(&mut self.input_files, file);
                    }
                }
            }
            runs.extend(made);
        }
        self.runs += runs.len().max(items.len());
        Work::Runs(runs)
    }

    /// One item of a step: a run, or several where the provider makes fewer outputs at once.
    fn run(
        &self,
        step: &Step,
        attempt: &Attempt<'_>,
        item: Option<(Item, usize)>,
        seed: u32,
        problems: &mut Problems,
    ) -> Option<(Vec<PlannedRun>, Vec<String>)> {
        let files = |reference: Reference<'_>| self.files(reference);
        let built = request::build(step, attempt.model, &self.scope(item, &files), problems)?;
        let (generation, warnings) = built.normalize(attempt, seed, problems)?;
        let runs = split(&generation, attempt.model.per_call).into_iter().map(|generation| PlannedRun {
            price: self.catalogue.price(attempt.model, &generation),
            generation,
            files: built.files.clone(),
        });
        Some((runs.collect(), warnings))
    }

    fn items(&self, list: &str) -> Vec<Item> {
        match whole(list) {
            Some(reference @ Reference::Files(..)) => {
                self.files(reference).unwrap_or_default().into_iter().map(Item::File).collect()
            }
            Some(_) => match self.scope(None, &|_| None).value(&list.into()) {
                Ok(Value::Array(items)) => items.into_iter().map(Item::Value).collect(),
                _ => Vec::new(),
            },
            None => Vec::new(),
        }
    }

    /// One reference for an input or a step. None: the input is not given.
    fn file_ref(&self, reference: Reference<'_>) -> Option<FileRef> {
        match reference {
            Reference::Input(name) => {
                self.inputs.get(name).and_then(Value::as_str).and_then(AssetId::parse).map(FileRef::Asset)
            }
            Reference::Files(id, index) => Some(FileRef::Output { step: self.position(id)?, index }),
            _ => None,
        }
    }

    /// Each file that the reference stands for, at most.
    fn files(&self, reference: Reference<'_>) -> Option<Vec<FileRef>> {
        let one = self.file_ref(reference).filter(|file| self.may_exist(file))?;
        match one {
            FileRef::Output { step, index: None } => {
                let most = self.most_files(step);
                Some((0..most).map(|index| FileRef::Output { step, index: Some(index) }).collect())
            }
            one => Some(vec![one]),
        }
    }

    fn may_exist(&self, file: &FileRef) -> bool {
        match file {
            FileRef::Asset(_) => true,
            FileRef::Output { step, index } => index.unwrap_or(0) < self.most_files(*step),
        }
    }

    fn most_files_of(&self, id: &str) -> usize {
        self.position(id).map_or(0, |position| self.most_files(position))
    }

    fn most_files(&self, position: usize) -> usize {
        self.most.get(position).copied().unwrap_or(0)
    }

    fn count(&self, work: &Work) -> usize {
        match work {
            Work::Runs(runs) => runs.iter().map(|run| run.generation.batch_size as usize).sum(),
            Work::Pick { index: Some(_), .. } => 1,
            Work::Pick { from, index: None } => {
                let most = from.iter().map(|file| match file {
                    FileRef::Output { step, index: None } => self.most_files(*step),
                    FileRef::Output { .. } | FileRef::Asset(_) => 1,
                });
                most.max().unwrap_or(0)
            }
            Work::Text(_) | Work::Skipped => 0,
        }
    }
}

/// Whether it can turn out while running that a step is skipped. One that waits for no other is always tried.
fn may_be_skipped(step: &PlannedStep) -> bool {
    let is_given = |file: &FileRef| matches!(file, FileRef::Asset(_));
    let has_files = match &step.work {
        Work::Runs(runs) => runs.iter().all(|run| run.files.iter().all(is_given)),
        Work::Pick { from, .. } => from.iter().any(is_given),
        Work::Text(_) => true,
        Work::Skipped => false,
    };
    step.when.is_some() || !has_files
}

/// 1 and 1.0 are the same number in JSON Schema too.
fn equal(wanted: &Value, value: &Value) -> bool {
    match (wanted.as_f64(), value.as_f64()) {
        (Some(wanted), Some(value)) => wanted == value,
        _ => wanted == value,
    }
}
