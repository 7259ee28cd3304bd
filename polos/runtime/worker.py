"""`python -m polos.runtime.worker [MODULE...]`: the documented command, a shim over `polos.entry.worker`."""

import sys

from polos.entry.worker import Worker, main

__all__ = ["Worker", "main"]

if __name__ == "__main__":
    sys.exit(main())
