"""The cashier's pages, and the API that cash registers, web shops and back offices call."""
