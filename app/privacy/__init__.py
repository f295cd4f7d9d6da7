"""What is known of a shopper, how long it is kept, how it is handed out and how it is forgotten."""
