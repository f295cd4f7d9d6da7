"""Tills that a business knows: tablets paired once, cashiers who take turns at them by PIN, the lock when nobody is there."""
