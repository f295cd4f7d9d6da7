"""The web card: what a browser with a link sees of a card, and what it may do about it."""
