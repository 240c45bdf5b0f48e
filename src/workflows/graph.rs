//! Which step needs which, the order in which they can be done, and the cycles that leave none.

use super::problem::Problems;
use super::reference::references;
use super::step::{Step, When};
use std::collections::BTreeSet;

/// For each step the indices (in `steps`) of those that must have ended before it. What names no step is left out.
pub fn needs(steps: &[Step]) -> Vec<BTreeSet<usize>> {
    let find = |id: &str| steps.iter().position(|step| step.id == id);
    let of = |step: &Step| {
        let mut found: BTreeSet<usize> = step
            .strings()
            .into_iter()
            .flat_map(references)
            .filter_map(|reference| find(reference.step()?))
            .collect();
        if let Some(When::Step { step, .. }) = &step.when {
            found.extend(find(step));
        }
        found
    };
    steps.iter().map(of).collect()
}

/// The steps in an order in which each comes after those it needs, otherwise as they stand in the document.
/// Steps in a cycle are left out and each cycle is told.
pub fn order(steps: &[Step], problems: &mut Problems) -> Vec<usize> {
    let needs = needs(steps);
    let mut order: Vec<usize> = Vec::new();
    let mut left: BTreeSet<usize> = (0..steps.len()).collect();
    while !left.is_empty() {
        let is_ready = |index: &usize| needs.get(*index).is_some_and(|needed| needed.is_disjoint(&left));
        match left.iter().copied().find(is_ready) {
            Some(ready) => {
                left.remove(&ready);
                order.push(ready);
            }
            None => {
                let cycle = cycle(&needs, &left);
                tell(steps, &cycle, problems);
                cycle.iter().for_each(|index| _ = left.remove(index));
            }
        }
    }
    order
}

/// Every step that is left needs another that is left, so going from need to need comes round.
fn cycle(needs: &[BTreeSet<usize>], left: &BTreeSet<usize>) -> Vec<usize> {
    let mut walked: Vec<usize> = Vec::new();
    let mut at = left.first().copied();
    while let Some(index) = at {
        if let Some(start) = walked.iter().position(|step| *step == index) {
            let mut cycle = walked.split_off(start);
            let earliest = cycle.iter().enumerate().min_by_key(|(_, step)| **step).map_or(0, |(at, _)| at);
            cycle.rotate_left(earliest);
            return cycle;
        }
        walked.push(index);
        at = needs.get(index).and_then(|needed| needed.intersection(left).next().copied());
    }
    walked
}

fn tell(steps: &[Step], cycle: &[usize], problems: &mut Problems) {
    let found: Vec<&Step> = cycle.iter().filter_map(|index| steps.get(*index)).collect();
    let Some(first) = found.first() else { return };
    let ids: Vec<&str> = found.iter().chain([first]).map(|step| step.id.as_str()).collect();
    let message =
        format!("These steps wait for each other: {}. Take one of the references out.", ids.join(" needs "));
    problems.add(first.path(), message);
}
