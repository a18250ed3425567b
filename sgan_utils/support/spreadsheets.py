"""Cells of tables for spreadsheets, which compute what begins like a formula instead of showing it."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def as_text(cell: str) -> str:
    """A cell that is shown as it is: an apostrophe tells a spreadsheet that what follows is text."""
    return f"'{cell}" if cell.startswith("'") or cell.lstrip(" ").startswith(FORMULA_STARTS) else cell


def from_text(cell: str) -> str:
    """What :func:`as_text` was given."""
    return cell.removeprefix("'")
