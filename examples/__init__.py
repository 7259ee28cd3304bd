"""Examples: small programs over polos, each runnable as it is."""
