"""One door for each Lambda function, a few lines each. Rendered by `polos build`."""
