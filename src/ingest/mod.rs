//! Test output → a report and complaints; never fails as a whole.
