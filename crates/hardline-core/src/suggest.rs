//! "Did you mean": the known word nearest to one that is not known.

/// The candidate that a person most likely meant, if any is near enough.
///
/// Near is one slip in three letters: a letter wrong, missing, added, or swapped with the next.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word: Vec<char> = word.chars().take(64).collect();
    let near = |candidate: &&str| (slips(&word, candidate), candidate.len());
    let limit = (word.len() / 3).max(1);
    candidates.into_iter().min_by_key(near).filter(|candidate| slips(&word, candidate) <= limit)
}

/// The distance of Damerau and Levenshtein (optimal string alignment), letter case ignored.
fn slips(word: &[char], candidate: &str) -> usize {
    let lower = |c: char| c.to_ascii_lowercase();
    let candidate: Vec<char> = candidate.chars().take(64).map(lower).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=candidate.len()).collect();
    for (i, &a) in word.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &b) in candidate.iter().enumerate() {
            let swapped = i > 0 && j > 0 && lower(a) == candidate[j - 1] && lower(word[i - 1]) == b;
            let swap = if swapped { before[j - 1] + 1 } else { usize::MAX };
            let replace = row[j] + usize::from(lower(a) != b);
            next.push(replace.min(row[j + 1] + 1).min(next[j] + 1).min(swap));
        }
        before = std::mem::replace(&mut row, next);
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
