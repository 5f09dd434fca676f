//! Other programs' doors: git hooks. It reads what git says and writes the hook; what is run when git pushes is the
//! caller's.

pub mod git;
pub mod pre_push;
