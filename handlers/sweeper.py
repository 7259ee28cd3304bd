"""Every few minutes: executions that have been silent for too long. Rendered by `polos build`."""

from polos.entry.functions import process_functions

handler = process_functions().sweeper
