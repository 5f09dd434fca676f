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

/// Text that comes piece by piece, of which head and tail are kept.
#[derive(Debug, Clone, Default)]
pub struct HeadAndTail {
    bytes_max: usize,
    head: String,
    /// The latest text, up to about twice as long as what is kept of it.
    tail: String,
    n_cut: usize,
}

impl HeadAndTail {
    /// Keeps at most about `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    /// Returns about how many bytes it keeps at most.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Adds a piece.
    pub fn push(&mut self, mut piece: &str) {
        let head_max = self.bytes_max / 3;
        if self.tail.is_empty() && self.n_cut == 0 && self.head.len() < head_max {
            let n = piece.floor_char_boundary(head_max - self.head.len());
            self.head.push_str(&piece[..n]);
            piece = &piece[n..];
        }
        let tail_max = self.bytes_max - head_max;
        if piece.len() > tail_max {
            let start = piece.ceil_char_boundary(piece.len() - tail_max);
            self.n_cut += self.tail.len() + start;
            self.tail.clear();
            piece = &piece[start..];
        }
        self.tail.push_str(piece);
        if self.tail.len() > 2 * tail_max {
            let end = self.tail.ceil_char_boundary(self.tail.len() - tail_max);
            self.n_cut += end;
            self.tail.drain(..end);
        }
    }

    /// Adds a line and its end.
    pub fn push_line(&mut self, line: &str) {
        self.push(line);
        self.push("\n");
    }

    /// Tells whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// Returns the text: whole when it fits, else with a line in it that counts what was cut.
    pub fn into_text(self) -> String {
        let bytes_max = self.bytes_max;
        self.into_text_of(bytes_max)
    }

    /// Returns the text in at most about `bytes_max` bytes, where that is less than was kept.
    pub fn into_text_of(self, bytes_max: usize) -> String {
        let Self { head, tail, n_cut, .. } = self;
        let bytes_max = bytes_max.min(self.bytes_max);
        if n_cut == 0 {
            return head_and_tail(&(head + &tail), bytes_max);
        }
        let head_end = line_end_before(&head, head.len().min(bytes_max / 3));
        let n_kept = tail.len() + head.len().min(bytes_max / 3);
        let tail_start = line_start_after(&tail, n_kept.saturating_sub(bytes_max).min(tail.len()));
        let n_cut = n_cut + head.len() - head_end + tail_start;
        format!("{}\n[… {n_cut} bytes left out …]\n{}", head[..head_end].trim_end_matches('\n'), &tail[tail_start..])
    }
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
    fn text_in_pieces_is_cut_as_text_in_one() {
        let text: String = (0..1000).map(|n| format!("line é {n}\n")).collect();
        for (bytes_max, piece) in [(300, 7), (300, 5000), (100_000, 11), (0, 3)] {
            let mut kept = HeadAndTail::new(bytes_max);
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(rest.ceil_char_boundary(piece));
                kept.push(head);
                rest = tail;
            }
            let kept = kept.into_text();
            assert!(kept.len() <= bytes_max + 60, "{} of {bytes_max}", kept.len());
            assert!(bytes_max == 0 || kept.starts_with("line é 0\n") && kept.ends_with("line é 999\n"), "{kept}");
            assert_eq!(kept.contains("bytes left out"), bytes_max < text.len(), "{bytes_max}");
        }
    }

    #[test]
    fn less_can_be_taken_than_was_kept() {
        let text: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        for (kept_max, wanted_max) in [(3000, 300), (100_000, 300), (300, 3000), (100_000, 100_000)] {
            let mut kept = HeadAndTail::new(kept_max);
            kept.push(&text);
            let cut = kept.into_text_of(wanted_max);
            assert!(cut.len() <= kept_max.min(wanted_max) + 60, "{}", cut.len());
            assert!(cut.starts_with("line 0\n") && cut.ends_with("line 999\n"), "{cut}");
            let n_cut = cut.split_once("[… ").map_or(0, |(_, rest)| rest.split(' ').next().unwrap().parse().unwrap());
            let marker = if n_cut > 0 { format!("\n[… {n_cut} bytes left out …]\n").len() } else { 0 };
            assert!((cut.len() - marker + n_cut).abs_diff(text.len()) <= 1, "{cut}");
        }
    }

    #[test]
    fn characters_are_not_split() {
        let cut = head_and_tail(&"é".repeat(500), 101);
        assert!(cut.contains("left out"));
    }
}
