//! A sample program: sorted lists, intervals and means.

fn lower_bound(sorted: &[i32], wanted: i32) -> usize {
    let (mut low, mut high) = (0, sorted.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if sorted[middle] < wanted {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Joins intervals that overlap or touch; each reaches from its first to its last element.
fn merge(mut intervals: Vec<(i32, i32)>) -> Vec<(i32, i32)> {
    intervals.sort_unstable();
    let mut merged: Vec<(i32, i32)> = Vec::new();
    for (start, end) in intervals {
        match merged.last_mut() {
            Some(last) if start <= last.1 + 1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

fn moving_mean(values: &[i64], width: usize) -> Vec<i64> {
    if width == 0 || values.len() < width {
        return Vec::new();
    }
    let mut means = Vec::with_capacity(values.len() - width + 1);
    for start in 0..=values.len() - width {
        let sum: i64 = values[start..start + width].iter().sum();
        means.push(sum / width as i64);
    }
    means
}

fn greatest(values: &[i64], n: usize) -> Vec<i64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.into_iter().rev().take(n).collect()
}

fn clamp_all(values: &mut [i64], least: i64, most: i64) -> usize {
    let mut n_changed = 0;
    for value in values.iter_mut() {
        let clamped = (*value).max(least).min(most);
        if clamped != *value {
            n_changed += 1;
        }
        *value = clamped;
    }
    n_changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_bound_is_the_first_place_not_less() {
        let bounds = [0, 1, 2, 3, 9].map(|wanted| lower_bound(&[1, 2, 2, 5], wanted));
        assert_eq!(bounds, [0, 0, 1, 3, 4]);
    }

    #[test]
    fn touching_intervals_become_one() {
        assert_eq!(merge(vec![(5, 8), (1, 3), (4, 4), (10, 11)]), [(1, 8), (10, 11)]);
    }

    #[test]
    fn means_are_those_of_whole_windows() {
        assert_eq!(moving_mean(&[1, 3, 5, 7], 2), [2, 4, 6]);
        assert_eq!(moving_mean(&[1], 2), [0; 0]);
    }

    #[test]
    fn the_greatest_come_first() {
        assert_eq!(greatest(&[3, 9, 1, 7], 2), [9, 7]);
    }

    #[test]
    fn what_is_clamped_is_counted() {
        let mut values = [1, 5, 9];
        assert_eq!((clamp_all(&mut values, 2, 8), values), (2, [2, 5, 8]));
    }
}
