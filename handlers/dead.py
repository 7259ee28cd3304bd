"""What no worker could handle: recorded, so that its execution goes on. Rendered by `polos build`."""

from polos.entry.functions import process_functions

handler = process_functions().dead
