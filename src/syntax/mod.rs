//! The only module that knows tree-sitter: test regions, functions, scopes, errors.
