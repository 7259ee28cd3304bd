"""The table in docs/cost.md is what `polos cost` prints."""

from pathlib import Path

from typer.testing import CliRunner

from polos.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"


def between(text: str) -> str:
    return text.partition("<!-- polos cost -->\n")[2].partition("<!-- end -->")[0].strip()


def test_the_table_is_what_the_command_prints() -> None:
    said = CliRunner().invoke(app, ["cost"])
    assert said.exit_code == 0, said.output
    assert said.stdout.strip() == between(PAGE.read_text(encoding="utf-8")), "paste what `polos cost` prints"


def test_the_dates_and_prices_are_those_of_the_code() -> None:
    from polos.testing import prices

    assert f"us-east-1, {prices.AS_OF}" in PAGE.read_text(encoding="utf-8").replace("\n", " ")


def test_the_page_on_agents_says_of_when_the_prices_of_models_are() -> None:
    from polos.llm.pricing import PRICES_AS_OF

    agents = PAGE.with_name("agents.md").read_text(encoding="utf-8").replace("\n", " ")
    assert "prices are defaults to be checked" in agents
    assert f"written down by hand as of {PRICES_AS_OF}. " in agents
