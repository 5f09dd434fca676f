//! Cluster, sources, history and memory → evidence, within a token cap.
