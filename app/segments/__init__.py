"""Saved filters over customers and cards, and who is in them."""
