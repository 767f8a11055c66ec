"""What people are told of by webhook, Slack and mail (docs/alerts.md)."""
