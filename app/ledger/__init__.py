"""Accounts, operations, entries and lots; balances are read from here and nowhere else; the hash chain over all of it."""
