"""The gateway's own HTTP/1.1 server: connections, heads, and one task a request."""
