"""What OpenTelemetry is told: spans and metrics, sent over OTLP (docs/telemetry.md)."""
