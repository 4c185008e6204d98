//! Cell g: everybody comes back at once.

use std::io;

use super::super::children::Kind;
use super::super::report::Row;
use super::super::rounds::Plan;
use super::super::stats::{Bar, Pair};
use super::drive_fresh;
use crate::driver::StormReport;

/// Memory has returned if no more than this is held of what it was before. Allocators keep some.
const RETURNED: f64 = 1.15;

pub(super) fn storm(plan: &Plan) -> io::Result<Vec<Row>> {
    let clients = plan.many(5_000, 500).to_string();
    let args = ["storm", "--watch", "--clients", &clients, "--quiet", "5"];
    let raw: StormReport = drive_fresh(plan, Kind::RawMemory, &args)?;
    let ours: StormReport = drive_fresh(plan, Kind::Dormouse, &args)?;
    plan.say(&format!(
        "g: longest wait {:.2} s, PSS {} KiB before, {} at the peak, {} after, {} after a second storm",
        ours.wait.max_us / 1e6,
        ours.before_kib,
        ours.peak_kib,
        ours.after_kib,
        ours.again_kib
    ));
    let row = |what, unit, figure: fn(&StormReport) -> f64| {
        let pair = Pair { baseline: figure(&raw), ours: figure(&ours) };
        Row::paired("g", what, unit, "raw memory", &[pair])
    };
    let longest = row("longest wait of a client that comes back", "s", |report| report.wait.max_us / 1e6);
    let longest = longest.figure_bar(Bar::AtMost(10.0)).note(format!(
        "{clients} clients, half of them missed a commit; half waited less than {:.2} s; {} connections were tried again",
        ours.wait.p50_us / 1e6,
        ours.retries
    ));
    let peak = row("memory at the peak, through before", "×", |storm| storm.peak_kib as f64 / storm.before_kib as f64);
    let peak = peak.note(format!("{} KiB before, {} KiB at the peak", ours.before_kib, ours.peak_kib));
    let after = row("memory after it, through before", "×", |storm| storm.after_kib as f64 / storm.before_kib as f64);
    let again = row("memory after a second, through after the first", "×", |storm| {
        storm.again_kib as f64 / storm.after_kib as f64
    });
    Ok(vec![longest, peak, after.figure_bar(Bar::AtMost(RETURNED)), again])
}
