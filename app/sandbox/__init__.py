"""A business to try things in: a copy of the real one, whose sales and cards count nowhere and from which no message leaves."""
