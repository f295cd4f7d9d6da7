"""A second opinion on the ledger: an accountant's model, and machines that compare it with the services."""
