"""Starts and steps from the SQS queue of a Polos queue."""

from polos.entry.functions import process_functions

handler = process_functions().worker
