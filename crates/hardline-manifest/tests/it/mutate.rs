//! Real manifests, damaged at random: nothing panics, and both readers of YAML agree.
//!
//! The seed is fixed, so a failure comes back. The fuzz targets in `fuzz/` go on where this stops.

use std::sync::Arc;

use hardline_core::config::{Config, Date};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::source::Source;
use hardline_core::verdict::judge;
use hardline_manifest::read::read;

use crate::differential::difference;
use crate::support::{shared, yaml_files};

/// What breaks YAML.
const PIECES: &[&str] = &[
    ": ",
    ":",
    "- ",
    "-",
    "\t",
    "{{ x }}",
    "---\n",
    "\n---\n",
    "...\n",
    "&a ",
    "*a",
    "<<: ",
    "|",
    ">-",
    "|+\n",
    "\"",
    "'",
    "#",
    " #",
    "\u{85}",
    "\u{2028}",
    "\r\n",
    "\r",
    "[",
    "]",
    "{",
    "}",
    ",",
    "!!int ",
    "!x ",
    "? ",
    "%YAML 1.1\n",
    "\\",
    "~",
    "0x1F",
    "1e999",
    "\n",
    "\n\n",
    "\n    ",
    "\n          ",
    "\n\n            ",
    "\\n",
    "\\\\",
    "''",
    "  ",
    "\u{feff}",
    "\0",
    "@",
    "`",
    "\"a\": ",
];

/// A few seconds' worth.
const ROUNDS: usize = 3_000;

/// Xorshift: enough to choose damage, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

fn damage(text: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for _ in 0..=dice.below(2) {
        let (at, other) = (dice.below(lines.len()), dice.below(lines.len()));
        let Some(line) = lines.get_mut(at) else { break };
        let cut = line.floor_char_boundary(dice.below(line.len() + 1));
        match dice.below(9) {
            0 => line.truncate(cut),
            1 | 2 => line.insert_str(cut, PIECES[dice.below(PIECES.len())]),
            3 => line.insert_str(0, &" ".repeat(1 + dice.below(3))),
            4 => *line = line.chars().skip(1 + dice.below(3)).collect(),
            5 => lines.swap(at, other),
            6 => drop(lines.remove(at)),
            7 => {
                let copy = lines[other].clone();
                lines.insert(at, copy);
            }
            _ => {
                let mut bytes = std::mem::take(line).into_bytes();
                if let Some(byte) = bytes.get_mut(cut) {
                    *byte ^= 1 << dice.below(8);
                }
                *line = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
    }
    let mut text = lines.concat();
    if dice.below(8) == 0 {
        text.truncate(text.floor_char_boundary(dice.below(text.len() + 1)));
    }
    text
}

#[test]
fn damaged_manifests_are_read_and_judged_without_panic() {
    let mut dice = Dice(0x5EED_0FDA_3A6E);
    let config = Config::new(Date { year: 2026, month: 6, day: 1 });
    let texts = yaml_files(&shared("corpus")).into_iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let texts: Vec<String> = texts.filter(|text| text.len() < 4_000).collect();
    let mut wrong = Vec::new();
    for _ in 0..ROUNDS {
        let text = damage(&texts[dice.below(texts.len())], &mut dice);
        if let Some(difference) = difference(&text) {
            wrong.push(format!("{difference}\n{text}"));
        }
        let read = read(&Arc::new(Source::new("damaged.yaml", text)));
        let coverage = Coverage::of_manifests(&read.resources);
        let judgement = judge(&Inventory::new(read.resources, coverage), read.findings, &config);
        // The judge survives a rule that panics, and says so.
        let failed: Vec<_> = judgement.unevaluated.iter().filter(|rule| rule.needs.starts_with("a mend")).collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
    assert!(wrong.is_empty(), "{} of {ROUNDS} differ, such as\n{}", wrong.len(), wrong[0]);
}
