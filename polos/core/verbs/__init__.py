"""The durable verbs, by what they do; `polos.core.step.Step` joins them."""
