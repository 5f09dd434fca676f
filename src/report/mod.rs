//! Events → terminal, JSON Lines, patch artifacts. One file per reporter.
