"""What a shopper may ask for: everything that is known of them, and to be forgotten."""
from app.privacy.erasing import erase
from app.privacy.exporting import Export, export

__all__ = ["Export", "erase", "export"]
