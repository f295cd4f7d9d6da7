"""Tells Apple's servers that a pass changed: one small HTTP/2 message per phone, never a text."""
