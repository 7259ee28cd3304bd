"""Timers, ends of children and signals from the stack's queue for news. Rendered by `polos build`."""

from polos.entry.functions import process_functions

handler = process_functions().news
