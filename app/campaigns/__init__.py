"""Invitations in batches: to the people of a list or of a group, within the budget, with some of them left out to compare."""
