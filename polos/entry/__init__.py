"""Composition: joins the engine to adapters, for Lambda, for a worker process and for one program."""
