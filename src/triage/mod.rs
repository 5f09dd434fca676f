//! Failures → clusters: signature, class, suspicious places, priority.
