"""Timers, ends of children and signals from the stack's queue for news."""

from polos.entry.functions import process_functions

handler = process_functions().news
