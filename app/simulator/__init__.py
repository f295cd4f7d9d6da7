"""Rules tried against receipts before they hold."""
