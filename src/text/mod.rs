//! Pure tools over text: ANSI stripping, capping, redaction, normalisation, words. No I/O, no clock.

pub mod ansi;
pub mod cap;
pub mod normalise;
pub mod redact;
pub mod words;
