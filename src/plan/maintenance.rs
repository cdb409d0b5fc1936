//! `[[maintenance]]`: when nothing counts.

use std::time::Duration;

use super::desk::Desk;
use super::due;
use super::probes::cron;
use super::typed::{self, Item};
use crate::config::model::Maintenance as Written;
use crate::duration::HumanDuration;
use crate::slo::maintenance::Recurring;

/// How long a window may last.
const RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7 * 86_400));

/// Resolves all windows; `names` are those of all probes.
pub fn maintenance(desk: &mut Desk<'_>, names: &[String]) -> Vec<Recurring> {
    let items: Vec<Item<'_, Written>> = typed::items(desk.loaded, "maintenance", &mut desk.mistakes);
    typed::unique("maintenance", &items, &mut desk.mistakes);
    items.iter().filter_map(|item| window(desk, item, item.value.as_ref()?, names)).collect()
}

fn window(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written, names: &[String]) -> Option<Recurring> {
    let begins = cron(desk, item, &written.cron, written.timezone.as_deref().unwrap_or("UTC"));
    let (least, most) = RANGE;
    let sane = (least..=most).contains(&written.duration.0);
    if !sane {
        desk.wrong(item.mistake("duration", format!("{} is out of range: from 1s to 7d", written.duration)));
    }
    let probes = match &written.probes {
        Some(patterns) => typed::matching(desk, item, patterns, names),
        None => names.to_vec(),
    };
    let begins = begins?;
    if let Some(pause) = due::longest_gap(&begins)
        && sane
        && pause <= written.duration.0
    {
        let pause = HumanDuration(pause);
        let message = format!("it begins anew every {pause} or sooner: maintenance would never end");
        desk.wrong(item.mistake("duration", message));
    }
    Some(Recurring {
        name: written.name.as_str().into(),
        begins,
        duration: written.duration.0,
        probes: probes.iter().map(|name| name.as_str().into()).collect(),
    })
}
