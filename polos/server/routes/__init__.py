"""The routes, a subject each: `routes(desk)` gives its lines of the table."""
