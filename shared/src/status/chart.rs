//! The chart of runs: objects copied upwards, failed downwards, on one logarithmic scale, since a first run may copy a
//! million times as many as the next. Coordinates only; the template draws. Calls nothing.

use crate::notice::{RunSummary, text};

/// In user units: the drawing's width, room at the left for the scale's numbers and at the right for half a date, the
/// height of both halves together, and room above and below them.
const WIDTH: f64 = 720.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 24.0;
const PLOT: f64 = 200.0;
const TOP: f64 = 10.0;
const FOOT: f64 = 24.0;

/// No bar is wider than if there were this many, and no decade higher.
const FEWEST: usize = 14;
const DECADE: f64 = 60.0;

/// Dates below the bars, at most.
const DATES: usize = 7;

/// A drawing of the runs, oldest at the left. Coordinates are texts with one decimal.
pub(super) struct Chart {
    pub(super) width: String,
    pub(super) height: String,
    pub(super) left: String,
    pub(super) right: String,
    /// Where copied and failed part.
    pub(super) zero: String,
    pub(super) lines: Vec<Label>,
    pub(super) dates: Vec<Label>,
    /// The dates' line.
    pub(super) foot: String,
    pub(super) bars: Vec<Bar>,
    /// What it shows, in words.
    pub(super) words: String,
}

/// One run.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) width: String,
    /// The upper end and the height of what was copied; none if that is nothing.
    pub(super) copied: Option<(String, String)>,
    /// The height of what failed; none if that is nothing.
    pub(super) failed: Option<String>,
    pub(super) words: String,
}

/// A text at a place of an axis.
pub(super) struct Label {
    pub(super) at: String,
    pub(super) text: String,
}

/// A run that has an outcome.
struct Told<'a> {
    run: &'a RunSummary,
    copied: u64,
    failed: u64,
}

impl Chart {
    /// Of runs, newest first; none where none has an outcome.
    pub(super) fn of(runs: &[RunSummary]) -> Option<Self> {
        let told = |run| Some(Told { run, copied: run.copied?, failed: run.failed? });
        let told: Vec<Told<'_>> = runs.iter().rev().filter_map(told).collect();
        let up = height(told.iter().map(|told| told.copied).max()?, 1.0).unwrap_or_default().max(1.0);
        let down = height(told.iter().map(|told| told.failed).max()?, 1.0).unwrap_or_default();
        let decade = (PLOT / (up + down)).min(DECADE);
        let zero = TOP + decade * up;
        let bottom = zero + decade * down;
        let step = (WIDTH - LEFT - RIGHT) / number(told.len().max(FEWEST));
        let middle = |place: usize| LEFT + step * (number(place) + 0.5);
        let bar = |(place, told): (usize, &Told<'_>)| Bar {
            x: coordinate(middle(place) - step * 0.36),
            width: coordinate(step * 0.72),
            copied: height(told.copied, decade).map(|height| (coordinate(zero - height), coordinate(height))),
            failed: height(told.failed, decade).map(coordinate),
            words: told.words(),
        };
        let every = told.len().div_ceil(DATES).max(1);
        let dated = told.iter().enumerate().rev().step_by(every);
        Some(Self {
            width: coordinate(WIDTH),
            height: coordinate(bottom + FOOT),
            left: coordinate(LEFT),
            right: coordinate(WIDTH - RIGHT),
            zero: coordinate(zero),
            lines: scale(up, zero, -decade).chain(scale(down, zero, decade)).collect(),
            dates: dated.map(|(place, told)| Label { at: coordinate(middle(place)), text: told.date() }).collect(),
            foot: coordinate(bottom + 17.0),
            bars: told.iter().enumerate().map(bar).collect(),
            words: words(&told)?,
        })
    }
}

impl Told<'_> {
    fn words(&self) -> String {
        let (copied, failed) = (text::count(self.copied), text::count(self.failed));
        format!("{} UTC: {copied} copied, {failed} failed", self.run.report_text())
    }

    fn date(&self) -> String {
        let at = text::report_time(&self.run.report_time);
        at.map_or_else(|| self.run.report_time.clone(), |at| at.strftime("%-d %b").to_string())
    }
}

fn words(told: &[Told<'_>]) -> Option<String> {
    let most = told.iter().max_by_key(|told| told.copied)?;
    let failing = told.iter().filter(|told| told.failed > 0).count();
    let failed: u64 = told.iter().map(|told| told.failed).sum();
    let runs = |n: usize| format!("{n} {}", if n == 1 { "run" } else { "runs" });
    Some(format!(
        "{} with an outcome, from {} to {}. The most were copied on {}: {}. {}: {} in all. The table of runs has every number.",
        runs(told.len()),
        told.first()?.date(),
        told.last()?.date(),
        most.date(),
        text::objects(most.copied),
        if failing == 0 { "No run had failed tasks".to_owned() } else { format!("{} had failed tasks", runs(failing)) },
        text::count(failed),
    ))
}

/// Lines at powers of ten, of which few are labelled: every third where there are many.
fn scale(highest: f64, zero: f64, decade: f64) -> impl Iterator<Item = Label> {
    let every = if highest > 3.0 { 3 } else { 1 };
    let lines = (1..20).filter(move |power| power % every == 0).map(move |power: u32| {
        let suffix = ["", "k", "M", "G", "T", "P", "E"].get((power / 3) as usize).copied().unwrap_or_default();
        (height(10_u64.saturating_pow(power), 1.0).unwrap_or_default(), format!("{}{suffix}", 10_u64.pow(power % 3)))
    });
    let fitting = lines.take_while(move |(height, _)| *height <= highest);
    fitting.map(move |(height, text)| Label { at: coordinate(zero + height * decade), text })
}

/// None of nothing. One object shows already, as a tenth of a decade.
fn height(n: u64, decade: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a drawing")]
    let log = (n as f64).log10();
    (n > 0).then(|| decade * log.mul_add(0.9, 0.1))
}

#[expect(clippy::cast_precision_loss, reason = "at most 60")]
fn number(n: usize) -> f64 {
    n as f64
}

fn coordinate(at: f64) -> String {
    format!("{at:.1}")
}
