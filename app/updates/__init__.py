"""The numbered list of "this card changed" and the outbox of events: what travels from a commit to passes, pushes and webhooks."""
