"""Where a shopper stands in a programme: level, membership, first purchase, favourite, personal offers, what rules gave so far."""
