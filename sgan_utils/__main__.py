"""``python -m sgan_utils`` is ``sgan``; torchrun starts it this way."""

from sgan_utils.cli import main

main()
