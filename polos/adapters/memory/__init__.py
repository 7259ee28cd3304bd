"""Everything in this process, with faults on demand: for tests and simulations."""
