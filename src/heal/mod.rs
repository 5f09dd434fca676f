//! The loop: policy decides (pure), drive does.
