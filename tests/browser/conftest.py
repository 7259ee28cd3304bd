"""One recorded set and one browser for all tests of the dashboard."""

from collections.abc import Iterator

import pytest

from tests.browser.pages import Browser, chromium
from tests.browser.recorded import recorded


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with recorded(tmp_path_factory.mktemp("recorded")) as there, chromium(there) as started:
        yield started
