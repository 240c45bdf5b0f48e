//! What must hold after every single command, read from the tables themselves.

use super::moves::Step;
use super::{World, allowance};
use atelier::id::PersonId;
use atelier::time::Period;
use atelier::units::Units;
use atelier::workspace::{RunStatus, Workspace};

impl World {
    pub fn check(&self, step: &Step) {
        let workspace = self.memory.object::<Workspace>(self.workspace.as_str());
        let units = |row: &atelier::sql::Row, column| Units::thousandths(row.integer(column).unwrap());
        let total = |statement: &str| units(&workspace.read(statement, &[])[0], 0);
        let sum = |kind: &str| {
            total(&format!("SELECT coalesce(sum(amount), 0) FROM ledger WHERE kind IN ({kind})"))
        };
        let [granted, balance, reserved, spent] = ["granted", "balance", "reserved", "spent"]
            .map(|name| total(&format!("SELECT {name} FROM workspace")));
        let model = &self.model;
        assert_eq!(granted, balance + reserved + spent, "{step:?}");
        assert_eq!(
            [granted, balance, reserved, spent],
            [model.granted, model.balance, model.reserved, model.spent],
            "{step:?}"
        );
        assert_eq!(granted, sum("'grant', 'adjust'"), "{step:?}");
        assert_eq!(reserved, sum("'reserve'") - sum("'settle', 'release'"), "{step:?}");
        assert_eq!(spent, sum("'settle'"), "{step:?}");
        assert_eq!(
            total("SELECT count(*) FROM ledger"),
            Units::thousandths(model.rows.len() as i64),
            "{step:?}"
        );
        let twice = workspace.read(
            "SELECT run_id FROM ledger WHERE run_id IS NOT NULL GROUP BY run_id, kind HAVING count(*) > 1",
            &[],
        );
        assert!(twice.is_empty(), "{step:?}: settled twice");

        let runs = workspace.read(
            "SELECT run_id, status, reserved, price, (SELECT count(*) FROM assets WHERE assets.run_id = runs.run_id) FROM runs",
            &[],
        );
        assert_eq!(runs.len(), model.admitted.len(), "{step:?}");
        for row in &runs {
            let id = row.text(0).unwrap();
            let run = model.admitted.iter().find(|run| run.id.as_str() == id).unwrap();
            assert_eq!(row.text(1).unwrap(), run.status.as_str(), "{step:?}: {id}");
            assert_eq!((units(row, 2), units(row, 3)), (run.reserved, run.price), "{step:?}: {id}");
            let files = i64::from(run.status != RunStatus::InProgress);
            assert_eq!(row.integer(4).unwrap(), files, "{step:?}: {id} is settled once, with its file");
        }
        for row in
            workspace.read("SELECT count(*) FROM runs WHERE status = 'in_progress' GROUP BY person", &[])
        {
            assert!(row.integer(0).unwrap() <= 5, "{step:?}: more than five at once");
        }
        self.check_token_allowances(step);
    }

    /// The second token of a person has had the same limits from the beginning, so no period may ever exceed them.
    fn check_token_allowances(&self, step: &Step) {
        let may = allowance(1);
        for name in super::PEOPLE {
            let (person, token) = (PersonId::of(name), format!("{name}-1"));
            for run in self.model.admitted.iter().filter(|run| run.person == person) {
                for (period, limit) in [(Period::Day, may.per_day), (Period::Month, may.per_month)] {
                    let spent = self.model.spent_in(&person, Some(&token), period, run.asked_at);
                    assert!(spent <= limit.unwrap(), "{step:?}: {token} has spent {spent} in a {period:?}");
                }
            }
        }
    }
}
