"""Providers of language models: one neutral request and answer, and an adapter for each provider's wire format.

`request.ModelRequest` is what is asked, `types.ModelResponse` what is answered, `events` what streams in between,
`port.Provider` who can be asked, `registry.get_provider` where to find one, `errors` what can go wrong.
Nothing here knows of workflows or agents; vendors' SDKs are imported when a request is made.
"""
