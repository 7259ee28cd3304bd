"""Hooks, as the core knows them: workflows have them too."""

from polos.core.hooks import Hook, HookAction, HookContext, HookResult, hook

__all__ = ["Hook", "HookAction", "HookContext", "HookResult", "hook"]
