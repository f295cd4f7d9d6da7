"""Tells a business's own systems what happened: signed, in order, again until it arrives."""
