"""Businesses that share a programme: who takes part, on whose cards a member may act, and who owes whom at the end of a month."""
