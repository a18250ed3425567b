"""``python -m sgan_workshop`` is ``sgan``."""

from sgan_workshop.commands.main import main

main()
