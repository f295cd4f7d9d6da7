"""Questions a manager asks; reads, never writes."""
