//! Removes secrets from text; the only maker of [`Redacted`](crate::model::Redacted).
