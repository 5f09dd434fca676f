//! The status line on a terminal: what is being done, and for how long.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text::harmless;

/// A line that comes and goes; on anything but a terminal it never comes.
pub(super) struct Status {
    interactive: bool,
    bar: Option<ProgressBar>,
}

impl Status {
    pub(super) fn new(interactive: bool) -> Self {
        Self { interactive, bar: None }
    }

    /// Shows what is being done; tells whether there is a terminal to show it on.
    pub(super) fn shows(&mut self, what: &str) -> bool {
        if !self.interactive {
            return false;
        }
        let what = harmless::short(what, 200);
        if let Some(bar) = &self.bar {
            bar.reset_elapsed();
            bar.set_message(what);
            return true;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner:>12.cyan} {wide_msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        self.bar = Some(bar);
        true
    }

    /// Takes the line away, so that other text can be written or a person asked.
    pub(super) fn hide(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
