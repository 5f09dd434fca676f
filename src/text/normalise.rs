//! Failure text → the same text on every machine and at every time: the basis of signatures.
