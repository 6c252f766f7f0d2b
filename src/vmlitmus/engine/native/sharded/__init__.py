"""One search that is divided among workers, each with the states of some values of the hash."""
