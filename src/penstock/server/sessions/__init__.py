"""Sessions over WebSocket between a caller and a target."""
