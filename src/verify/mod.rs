//! Candidate → verdict and certificate: apply in a scratch copy, re-run the failing tests, then what could break.
