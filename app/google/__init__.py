"""Cards in Google Wallet: class and object, the queue that keeps them true, save links, and the issuers behind them."""
