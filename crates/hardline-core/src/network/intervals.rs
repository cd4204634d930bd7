//! A set of points on a line, kept as intervals: ports and addresses.

/// A point on a line that intervals are made of.
pub trait Point: Copy + Ord {
    /// The point before this one.
    fn before(self) -> Option<Self>;
    /// The point after this one.
    fn after(self) -> Option<Self>;
}

macro_rules! points {
    ($($number:ty),+) => {
        $(impl Point for $number {
            fn before(self) -> Option<Self> {
                self.checked_sub(1)
            }
            fn after(self) -> Option<Self> {
                self.checked_add(1)
            }
        })+
    };
}

points!(u32, u128);

/// A set of points, as intervals that include both ends, ascending, neither touching nor overlapping.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Intervals<T>(Vec<(T, T)>);

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Point> Intervals<T> {
    /// The points from `first` to `last`, both included; none if they are in the wrong order.
    pub fn range(first: T, last: T) -> Self {
        [(first, last)].into_iter().collect()
    }

    /// Whether the set has no point.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The intervals, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (T, T)> + use<'_, T> {
        self.0.iter().copied()
    }

    /// The smallest point.
    pub fn first(&self) -> Option<T> {
        self.0.first().map(|interval| interval.0)
    }

    /// Whether the point is in the set.
    pub fn contains(&self, point: T) -> bool {
        let at = self.0.partition_point(|interval| interval.1 < point);
        self.0.get(at).is_some_and(|interval| interval.0 <= point)
    }

    /// Whether every point of the other set is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        other.subtract(self).is_empty()
    }

    /// Adds all points of another set.
    pub fn unite(&mut self, other: &Self) {
        if !other.is_empty() {
            *self = self.iter().chain(other.iter()).collect();
        }
    }

    /// The points that both sets have.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut a, mut b) = (0, 0);
        let mut both = Vec::new();
        while let (Some(&left), Some(&right)) = (self.0.get(a), other.0.get(b)) {
            let (first, last) = (left.0.max(right.0), left.1.min(right.1));
            if first <= last {
                both.push((first, last));
            }
            if left.1 < right.1 { a += 1 } else { b += 1 }
        }
        Self(both)
    }

    /// The points of this set that the other one lacks.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut at = 0;
        for (mut first, last) in self.iter() {
            while other.0.get(at).is_some_and(|hole| hole.1 < first) {
                at += 1;
            }
            let mut open = true;
            for &(hole_first, hole_last) in other.0[at..].iter().take_while(|hole| hole.0 <= last) {
                if let Some(before) = hole_first.before().filter(|&before| before >= first) {
                    rest.push((first, before));
                }
                match hole_last.after() {
                    Some(after) if hole_last < last => first = after,
                    _ => open = false,
                }
            }
            if open {
                rest.push((first, last));
            }
        }
        Self(rest)
    }
}

impl<T: Point> FromIterator<(T, T)> for Intervals<T> {
    /// The union of intervals in any order. Those whose ends are in the wrong order are empty.
    fn from_iter<I: IntoIterator<Item = (T, T)>>(intervals: I) -> Self {
        let mut sorted: Vec<(T, T)> = intervals.into_iter().filter(|(first, last)| first <= last).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some(open) if open.1.after().is_none_or(|after| first <= after) => open.1 = open.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(intervals: &[(u32, u32)]) -> Intervals<u32> {
        intervals.iter().copied().collect()
    }

    #[test]
    fn touching_intervals_become_one() {
        assert_eq!(set(&[(5, 6), (1, 2), (3, 4), (9, 8)]), set(&[(1, 6)]));
        assert_eq!(set(&[(0, u32::MAX), (7, 9)]).iter().len(), 1);
    }

    #[test]
    fn subtraction_leaves_what_is_between_the_holes() {
        let all = set(&[(0, u32::MAX)]);
        assert_eq!(all.subtract(&set(&[(0, 0), (10, 20), (u32::MAX, u32::MAX)])), set(&[(1, 9), (21, u32::MAX - 1)]));
        assert_eq!(set(&[(1, 5), (7, 9)]).subtract(&set(&[(2, 8)])), set(&[(1, 1), (9, 9)]));
        assert!(all.covers(&set(&[(3, 4)])) && !set(&[(3, 4)]).covers(&all));
    }

    #[test]
    fn intersection_is_what_both_have() {
        assert_eq!(set(&[(1, 5), (7, 9)]).intersect(&set(&[(4, 7)])), set(&[(4, 5), (7, 7)]));
    }
}
