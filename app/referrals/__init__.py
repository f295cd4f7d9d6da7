"""Invitations: a shopper's to a friend, with a reward for both; a closed club's to whom it wants."""
