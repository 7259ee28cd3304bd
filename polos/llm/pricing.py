"""What a call costs, approximately: list prices per million tokens, from a table that its user can override.

Prices change, and differ by region, tier and contract: what is computed here is an estimate to budget by, not a bill.
Nothing is fetched. `Prices({"my-model": Price(1, 4)})` adds to the table or replaces what it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from polos.llm.types import Usage

PRICES_AS_OF: Final = "2025-12"
"""About when these prices were public. They were written down by hand, and later models and changes are missing:
override what your bill depends on."""

_MILLION: Final = Decimal(1_000_000)

Amount = Decimal | int | str
"""US dollars, exact: `"0.25"` rather than `0.25`."""


class Price:
    """US dollars per million tokens.

    `cache_read` is the price of input read from the prompt cache, `cache_write` of input written to it (None: as
    other input). A cache entry for an hour costs more than the five-minute one counted here.
    """

    __slots__ = ("cache_read", "cache_write", "input", "output")

    def __init__(
        self,
        input: Amount,
        output: Amount,
        *,
        cache_read: Amount | None = None,
        cache_write: Amount | None = None,
    ) -> None:
        self.input = Decimal(input)
        self.output = Decimal(output)
        self.cache_read = self.input if cache_read is None else Decimal(cache_read)
        self.cache_write = self.input if cache_write is None else Decimal(cache_write)

    def of(self, usage: Usage) -> Decimal:
        """The dollars that `usage` costs at this price."""
        read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
        fresh = max(usage.input_tokens - read - written, 0)
        total = (
            fresh * self.input
            + read * self.cache_read
            + written * self.cache_write
            + usage.output_tokens * self.output
        )
        return total / _MILLION


def _claude(price_in: str, price_out: str) -> Price:
    """Anthropic's rule: a cache read costs a tenth of input, a write a quarter more."""
    base = Decimal(price_in)
    return Price(price_in, price_out, cache_read=base / 10, cache_write=base * Decimal("1.25"))


LIST_PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        # OpenAI
        "gpt-5.2": Price("1.75", "14", cache_read="0.175"),
        "gpt-5.1": Price("1.25", "10", cache_read="0.125"),
        "gpt-5": Price("1.25", "10", cache_read="0.125"),
        "gpt-5-mini": Price("0.25", "2", cache_read="0.025"),
        "gpt-5-nano": Price("0.05", "0.40", cache_read="0.005"),
        "gpt-5-pro": Price("15", "120"),
        "gpt-4.1": Price("2", "8", cache_read="0.50"),
        "gpt-4.1-mini": Price("0.40", "1.60", cache_read="0.10"),
        "gpt-4.1-nano": Price("0.10", "0.40", cache_read="0.025"),
        "gpt-4o": Price("2.50", "10", cache_read="1.25"),
        "gpt-4o-2024-05-13": Price("5", "15"),
        "gpt-4o-mini": Price("0.15", "0.60", cache_read="0.075"),
        "o1": Price("15", "60", cache_read="7.50"),
        "o3": Price("2", "8", cache_read="0.50"),
        "o3-mini": Price("1.10", "4.40", cache_read="0.55"),
        "o4-mini": Price("1.10", "4.40", cache_read="0.275"),
        # Anthropic, here and on Bedrock
        "claude-opus-4-5": _claude("5", "25"),
        "claude-opus-4-1": _claude("15", "75"),
        "claude-opus-4": _claude("15", "75"),
        "claude-sonnet-4-5": _claude("3", "15"),
        "claude-sonnet-4": _claude("3", "15"),
        "claude-haiku-4-5": _claude("1", "5"),
        "claude-3-7-sonnet": _claude("3", "15"),
        "claude-3-5-sonnet": _claude("3", "15"),
        "claude-3-5-haiku": _claude("0.80", "4"),
        "claude-3-haiku": Price("0.25", "1.25", cache_read="0.03", cache_write="0.30"),
        # Amazon
        "nova-pro": Price("0.80", "3.20", cache_read="0.20"),
        "nova-lite": Price("0.06", "0.24", cache_read="0.015"),
        "nova-micro": Price("0.035", "0.14", cache_read="0.00875"),
        # Google (prompts of up to 200,000 tokens)
        "gemini-3-pro": Price("2", "12", cache_read="0.20"),
        "gemini-2.5-pro": Price("1.25", "10", cache_read="0.125"),
        "gemini-2.5-flash": Price("0.30", "2.50", cache_read="0.03"),
        "gemini-2.5-flash-lite": Price("0.10", "0.40", cache_read="0.01"),
        "gemini-2.0-flash": Price("0.10", "0.40", cache_read="0.025"),
        # Open models, as Groq sells them; other hosts differ
        "llama-3.3-70b-versatile": Price("0.59", "0.79"),
        "llama-3.1-8b-instant": Price("0.05", "0.08"),
        "gpt-oss-120b": Price("0.15", "0.60"),
        "gpt-oss-20b": Price("0.075", "0.30"),
    },
)

# What may follow a model's name without making it another model: a date, a version, `latest`, `preview`.
_VERSION: Final = re.compile(
    r"(-\d{8}|-\d{4}-\d{2}-\d{2}|-\d{2}-\d{4}|-\d{2}-\d{2}|-\d{3}|-latest|-preview|-exp|-v\d+|:\d+[a-z0-9]*|@[\w.-]+)+$",
)
_BEDROCK: Final = re.compile(
    r"^(?:[a-z]{2,6}(?:-gov)?\.)?(?:anthropic|amazon|meta|openai|mistral|deepseek)\."
)


@dataclass(frozen=True, slots=True)
class Prices:
    """The price table: `LIST_PRICES`, with `overrides` (model name -> price) before it."""

    overrides: Mapping[str, Price] = field(default_factory=dict)

    def price(self, model: str) -> Price | None:
        """The price of a model by its name, its name without path and region, or without its date; None: unknown.

        A longer name of the same family is another model: `gpt-5-turbo` does not cost what `gpt-5` does.
        """
        for name in _names(model):
            found = self.overrides.get(name) or LIST_PRICES.get(name)
            if found is not None:
                return found
        return None

    def cost(self, usage: Usage, model: str) -> Decimal | None:
        """About how many US dollars `usage` of `model` costs; None if its price is not known."""
        price = self.price(model)
        return None if price is None else price.of(usage)


def cost(usage: Usage, model: str) -> Decimal | None:
    """As `Prices().cost`: by the list prices alone."""
    return Prices().cost(usage, model)


def _names(model: str) -> list[str]:
    """The names a model may be listed under, the most exact first."""
    short = _BEDROCK.sub("", model.rsplit("/", 1)[-1].lower())
    names = [model, model.lower(), short, _VERSION.sub("", short)]
    return list(dict.fromkeys(names))
