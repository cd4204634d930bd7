//! How it stood over time, as a picture that is also a table.

use std::fmt::Write as _;

use hardline_core::report::Counts;
use maud::{Markup, html};

use crate::dashboard::parts::{counts, number, share, time};
use crate::snapshot::{Score, Snapshot};

/// The picture's width in its own units.
const WIDTH: f64 = 600.0;
/// The picture's height.
const HEIGHT: f64 = 110.0;
/// How many points are drawn; of more, every so many.
const POINTS: usize = 120;
/// How many rows the table has.
const ROWS: usize = 12;

/// The trend of findings, where more than one time is known.
pub(crate) fn section(snapshot: &Snapshot) -> Markup {
    let scores = &snapshot.history.scores;
    let [Some(first), Some(last)] = [scores.first(), scores.last()] else { return html! {} };
    if scores.len() < 2 {
        return html! {};
    }
    html! {
        section aria-labelledby="trend" {
            h2 #trend { "Trend" }
            svg.trend viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={
                "Findings of high and critical severity, " (severe(first.findings)) " at first and "
                (severe(last.findings)) " now"
            } {
                line.base x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
                @for (class, of) in [("all", total as fn(Counts) -> usize), ("severe", severe)] {
                    polyline class=(class) points=(points(scores, of)) {}
                }
            }
            p.legend {
                span.all { (number(total(last.findings))) " findings" }
                span.severe { (number(severe(last.findings))) " high or critical" }
                small { (time(first.at)) " to " (time(last.at)) }
            }
            details.table {
                summary { "As a table" }
                table {
                    thead { tr { th { "when" } th { "workloads" } th { "clean" } th { "findings" } } }
                    tbody {
                        @for score in thinned(scores, ROWS).into_iter().rev() {
                            tr {
                                td { (time(score.at)) }
                                td { (number(score.workloads)) }
                                td { (number(score.clean)) }
                                td { (counts(score.findings)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn total(counts: Counts) -> usize {
    counts.total()
}

fn severe(counts: Counts) -> usize {
    counts.critical + counts.high
}

/// So many of the scores, evenly, and the last in any case.
fn thinned(scores: &[Score], most: usize) -> Vec<&Score> {
    let step = scores.len().div_ceil(most).max(1);
    let mut thinned: Vec<_> = scores.iter().rev().step_by(step).collect();
    thinned.reverse();
    thinned
}

/// A line of a number over time, from the bottom up.
fn points(scores: &[Score], of: fn(Counts) -> usize) -> String {
    let most = scores.iter().map(|score| total(score.findings)).max().unwrap_or_default().max(1);
    let scores = thinned(scores, POINTS);
    let (from, to) = (scores[0].at.as_second(), scores[scores.len() - 1].at.as_second());
    let whole = usize::try_from(to - from).unwrap_or_default();
    let mut points = String::new();
    for score in &scores {
        let since = usize::try_from(score.at.as_second() - from).unwrap_or_default();
        let x = share(since, whole) * WIDTH;
        // What stands highest is not cut off by half of its stroke.
        let y = HEIGHT - share(of(score.findings), most) * (HEIGHT - 2.0);
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    points
}
