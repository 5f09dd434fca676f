//! Pure tools over text: ANSI stripping, capping, harmless display, redaction, normalisation, words. No I/O, no clock.

pub mod ansi;
pub mod cap;
pub mod harmless;
pub mod normalise;
pub mod redact;
pub mod words;
