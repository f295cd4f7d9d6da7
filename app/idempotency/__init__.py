"""Which request was answered already, and how: the same key and request give the same answer for thirty days."""
