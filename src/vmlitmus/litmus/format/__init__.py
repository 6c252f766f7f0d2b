"""The litmus format: TOML to a test and back, a file for each table, and the JSON schema."""
