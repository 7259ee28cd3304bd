"""The ports, carried out on real services; each adapter knows ports, core and errors, and no other adapter."""
