"""A business that comes from another system brings its people: read, map, try, take in, take back."""
