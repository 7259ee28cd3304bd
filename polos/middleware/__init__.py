"""Hooks and guardrails around workflows, agents and tools."""
