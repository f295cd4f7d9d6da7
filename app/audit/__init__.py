"""Who did what: the business's own record of everything that its staff, keys and the server did."""
