"""The shopper: name, phone, consents (written by the lead)."""
