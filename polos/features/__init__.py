"""Events, schedules, sessions and tracing."""
