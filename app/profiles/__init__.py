"""What shoppers do alone with their card and with what is known of them."""
