"""Records of finished requests on their way to the database: ledger and request log."""
