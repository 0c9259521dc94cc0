//! What the sink would write for a record, without a cluster.

use connect_api::{error::Result, record::SinkRecord, sink::Preview};

use crate::{
    document::{Draft, Target},
    settings::Rules,
};

/// Index and id, and the document; a deletion shows as the line that orders it.
///
/// # Errors
/// `Record` for a record that the task would reject.
pub(crate) fn preview(rules: &Rules, record: &SinkRecord) -> Result<Option<Preview>> {
    let target = Target::new(rules, &record.topic)?;
    let Draft::Planned(plan) = rules.plan(record, &target)? else { return Ok(None) };
    let mut lines = Vec::new();
    rules.write(&mut lines, record, &target, &plan)?;
    let place = match plan.id() {
        Some(id) => format!("{}/_doc/{id}", target.name),
        None => format!("{}/_doc", target.name),
    };
    let mut lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let action = lines.next().unwrap_or_default();
    let content = lines.next().unwrap_or(action).to_vec().into();
    Ok(Some(Preview { place, content }))
}
