//! A sample program: days, months and leap years.

const DAYS_IN_WEEK: u32 = 7;

/// Tells whether a year has 366 days.
fn is_leap(year: u32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: u32, month: u32) -> Option<u32> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if is_leap(year) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Returns the number of the day in its year, from 1.
fn day_of_year(year: u32, month: u32, day: u32) -> Option<u32> {
    let last = days_in_month(year, month)?;
    if day == 0 || day > last {
        return None;
    }
    let mut total = day;
    for earlier in 1..month {
        total += days_in_month(year, earlier)?;
    }
    Some(total)
}

/// Returns the number of the week a day is in, the first week being 0.
fn week_of_year(year: u32, month: u32, day: u32) -> Option<u32> {
    let number = day_of_year(year, month, day)?;
    Some((number - 1) / DAYS_IN_WEEK)
}

fn days_between(from: (u32, u32, u32), to: (u32, u32, u32)) -> Option<u32> {
    let start = day_of_year(from.0, from.1, from.2)?;
    let end = day_of_year(to.0, to.1, to.2)?;
    let mut days = end;
    for year in from.0..to.0 {
        days += if is_leap(year) { 366 } else { 365 };
    }
    days.checked_sub(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_years_are_every_fourth_but_not_every_hundredth() {
        assert!(is_leap(2024) && is_leap(2000));
        assert!(!is_leap(2023) && !is_leap(1900));
    }

    #[test]
    fn days_are_numbered_from_one() {
        assert_eq!(day_of_year(2023, 1, 1), Some(1));
        assert_eq!(day_of_year(2024, 12, 31), Some(366));
        assert_eq!(day_of_year(2023, 2, 29), None);
    }

    #[test]
    fn weeks_are_numbered_from_zero() {
        assert_eq!(week_of_year(2023, 1, 7), Some(0));
        assert_eq!(week_of_year(2023, 1, 8), Some(1));
    }

    #[test]
    fn spans_count_whole_days() {
        assert_eq!(days_between((2023, 12, 31), (2024, 1, 1)), Some(1));
        assert_eq!(days_between((2024, 1, 1), (2025, 1, 1)), Some(366));
    }
}
