"""Floor 2: what is seen of a request afterwards: records, the access log."""
