//! Cuts text to a size, keeping the head and the tail and saying what is missing.

/// Returns `text` in at most about `bytes_max` bytes: whole when it fits, else a third of head, two thirds of tail
/// (failures stand at the end) and a line between them that counts what was cut. Cuts at line ends where one is near.
pub fn head_and_tail(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let head_end = line_end_before(text, bytes_max / 3);
    let tail_start = line_start_after(text, text.len() - (bytes_max - bytes_max / 3));
    let n_cut = tail_start - head_end;
    format!("{}\n[… {n_cut} bytes left out …]\n{}", text[..head_end].trim_end_matches('\n'), &text[tail_start..])
}

fn line_end_before(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    match text[..at].rfind('\n') {
        Some(end) if end * 2 >= at => end,
        _ => at,
    }
}

fn line_start_after(text: &str, at: usize) -> usize {
    let at = text.ceil_char_boundary(at);
    match text[at..].find('\n') {
        Some(end) if end * 2 <= text.len() - at => at + end + 1,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_fits_is_whole() {
        assert_eq!(head_and_tail("abc\n", 4), "abc\n");
    }

    #[test]
    fn the_end_is_kept_and_the_cut_is_counted() {
        let text: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let cut = head_and_tail(&text, 300);
        assert!(cut.starts_with("line 0\n") && cut.ends_with("line 999\n") && cut.contains("bytes left out"), "{cut}");
        assert!(cut.len() < 400);
    }

    #[test]
    fn characters_are_not_split() {
        let cut = head_and_tail(&"é".repeat(500), 101);
        assert!(cut.contains("left out"));
    }
}
