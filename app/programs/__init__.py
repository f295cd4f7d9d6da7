"""A business, its locations, and its programmes: rules and their versions."""
