from __future__ import annotations

from decimal import Decimal

import pytest

from polos.llm.pricing import LIST_PRICES, Price, Prices, cost
from polos.llm.types import Usage

MILLION = Usage.of(1_000_000, 1_000_000)


def test_a_call_costs_its_tokens_at_their_prices() -> None:
    assert cost(Usage.of(1_000, 500), "gpt-4o") == Decimal("0.0075")


def test_cached_tokens_cost_their_own_price_and_not_the_full_one_again() -> None:
    usage = Usage.of(1_000_000, 0, read=600_000, written=300_000)
    assert cost(usage, "claude-sonnet-4-5") == Decimal("0.3") + Decimal("0.18") + Decimal("1.125")


def test_where_no_cache_price_is_listed_cached_input_costs_as_much_as_other_input() -> None:
    assert Price(2, 8).of(Usage.of(1_000_000, 0, read=500_000)) == 2


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("us-gov.anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
        ("amazon.nova-lite-v1:0", "nova-lite"),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("models/gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("GPT-4o", "gpt-4o"),
    ],
)
def test_a_dated_or_regional_name_costs_what_its_model_costs(model: str, listed: str) -> None:
    assert Prices().price(model) is LIST_PRICES[listed]


@pytest.mark.parametrize(
    "model", ["gpt-7", "gpt-5-turbo", "claude-opus-4-9", "gpt-4o-mini-audio", "", "llama3.2"]
)
def test_an_unknown_model_has_no_price_rather_than_a_wrong_one(model: str) -> None:
    assert cost(MILLION, model) is None


def test_a_users_price_comes_before_the_list() -> None:
    prices = Prices({"gpt-4o": Price(1, 1), "house-model": Price("0.5", "1.5")})
    assert prices.cost(MILLION, "gpt-4o") == 2
    assert prices.cost(MILLION, "gpt-4o-2024-08-06") == 2
    assert prices.cost(MILLION, "house-model") == 2
    assert prices.cost(MILLION, "gpt-4o-mini") == cost(MILLION, "gpt-4o-mini")


def test_a_free_model_costs_nothing_which_is_not_unknown() -> None:
    assert Prices({"local": Price(0, 0)}).cost(MILLION, "local") == 0


def test_cached_input_never_costs_more_than_a_quarter_above_fresh_input() -> None:
    for model, price in LIST_PRICES.items():
        assert 0 < price.cache_read <= price.input < price.output, model
        assert price.cache_write <= price.input * Decimal("1.25"), model
