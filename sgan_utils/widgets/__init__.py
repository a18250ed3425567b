"""Widgets for the notebooks: thin controls over plain functions, which are tested without a browser."""
