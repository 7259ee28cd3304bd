"""The engine that carries out what the core decides, the worker, and the client."""
