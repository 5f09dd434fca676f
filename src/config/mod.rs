//! What was typed, exported and written down → what it means: flags > environment > `heal-tests.toml` > user file > defaults.
