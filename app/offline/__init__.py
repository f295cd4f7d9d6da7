"""What tills did without a network: taken in by number, done in order, and what could not be done as rows for a manager."""
