"""One file on one machine, in SQLite's WAL mode."""
