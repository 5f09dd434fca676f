//! Other programs' doors: git hooks.
