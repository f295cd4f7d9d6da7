"""A customer's card: its number, codes, aliases and status; it points to an account and owns no money."""
