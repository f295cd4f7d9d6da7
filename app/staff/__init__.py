"""Who is asking: members of staff, their sessions and passwords, API keys (written by the lead)."""
