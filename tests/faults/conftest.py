"""One line of counts for each kind of fault, at the end."""

import pytest

from .counts import TRIED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    if TRIED:
        terminalreporter.section("faults")
    for kind, count in TRIED.items():
        terminalreporter.write_line(f"{count:6,} {kind}")
