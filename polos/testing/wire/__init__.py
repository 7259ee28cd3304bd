"""The providers' wire formats as a server speaks them, one module each, for `polos.testing.wire_server`."""
