"""Which models there are: lists of hosts, what a caller may call, and aliases."""
