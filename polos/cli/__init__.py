"""Commands of `polos` and `polos-worker`, each a few lines over the rest."""
