"""From the registry to a plan (frozen data), and from the plan to a template and its handlers."""
