//! Test ids → argv as data. Spawns nothing.
