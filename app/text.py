"""Marks English sentences for the catalogues, in rooms that know nothing of pages."""


def N_(message: str) -> str:
    """Marks `message` for extraction and gives it back; it is translated where it is shown."""
    return message
