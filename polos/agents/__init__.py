"""The agent loop, its memory, stop conditions and streams."""
