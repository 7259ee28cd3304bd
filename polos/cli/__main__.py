"""`python -m polos.cli`: the command `polos`."""

from polos.cli import main

main()
