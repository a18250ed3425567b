"""Turns lessons and results into figures, pages, the post and the site."""
