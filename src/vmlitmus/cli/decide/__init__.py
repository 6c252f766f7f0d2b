"""Commands that take tests and print verdicts: check, explain, table, grow, bless."""
