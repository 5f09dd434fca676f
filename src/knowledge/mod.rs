//! What was learned: fixes kept with a time to live, recalled by signature. The only module that opens the database.
