"""What no worker could handle: recorded, so that its execution goes on."""

from polos.entry.functions import process_functions

handler = process_functions().dead
