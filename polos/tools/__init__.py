"""Tools: the decorator, schemas from annotations, and the tools that come with the package."""
