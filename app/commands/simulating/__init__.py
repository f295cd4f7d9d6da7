"""A shop's day at the tills of any server, over the public API alone, with every answer reckoned after."""
