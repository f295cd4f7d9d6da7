"""Apple's update service: which device holds which pass, and what changed since the tag it was given."""
