"""What a shopper may ask for: everything that is known of them, and to be forgotten."""
from app.privacy.erasing import erase

__all__ = ["erase"]
