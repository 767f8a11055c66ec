"""The control plane's database: SQLite in the data folder of one machine, or PostgreSQL for many replicas."""
