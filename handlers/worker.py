"""Starts and steps from the SQS queue of a Polos queue. Rendered by `polos build`."""

from polos.entry.functions import process_functions

handler = process_functions().worker
