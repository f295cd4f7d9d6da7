"""A programme that several businesses share: who takes part, and what they owe each other."""
