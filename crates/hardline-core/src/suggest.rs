//! "Did you mean": the known word nearest to one that is not known.

/// The candidate that a person most likely meant, if any is near enough.
///
/// Near is one slip in three letters: a letter wrong, missing, added, or swapped with the next.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = letters(word);
    let limit = (word.len() / 3).max(1);
    let near = |candidate: &'c str| {
        let letters = letters(candidate);
        // Each letter more or less is a slip.
        let slips = (letters.len().abs_diff(word.len()) <= limit).then(|| slips(&word, &letters));
        slips.filter(|&slips| slips <= limit).map(|slips| (slips, candidate.len(), candidate))
    };
    candidates.into_iter().filter_map(near).min_by_key(|&(slips, length, _)| (slips, length)).map(|near| near.2)
}

/// A word as far as it is compared: in lower case.
fn letters(word: &str) -> Vec<char> {
    word.chars().take(64).map(|c| c.to_ascii_lowercase()).collect()
}

/// The distance of Damerau and Levenshtein (optimal string alignment).
fn slips(word: &[char], candidate: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; candidate.len() + 1];
    let mut row: Vec<usize> = (0..=candidate.len()).collect();
    let mut next = before.clone();
    for (i, &a) in word.iter().enumerate() {
        next[0] = i + 1;
        for (j, &b) in candidate.iter().enumerate() {
            let swapped = i > 0 && j > 0 && a == candidate[j - 1] && word[i - 1] == b;
            let swap = if swapped { before[j - 1] + 1 } else { usize::MAX };
            let replace = row[j] + usize::from(a != b);
            next[j + 1] = replace.min(row[j + 1] + 1).min(next[j] + 1).min(swap);
        }
        // The oldest row is written over next.
        std::mem::swap(&mut before, &mut row);
        std::mem::swap(&mut row, &mut next);
    }
    row[candidate.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_forgiven_and_other_words_are_not() {
        let known = ["profile", "rules", "settings", "exemptions"];
        for (typo, meant) in
            [("profil", "profile"), ("Rules", "rules"), ("setitngs", "settings"), ("exemtion", "exemptions")]
        {
            assert_eq!(nearest(typo, known), Some(meant), "{typo}");
        }
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }
}
