"""One module per provider's wire format: a pure half that translates, and a thin one that calls the vendor's SDK."""
