"""The one exception of the benchmark: a measurement that could not be taken."""

from __future__ import annotations


class MeasurementError(Exception):
    """Something that was to be measured did not start, did not answer or answered wrongly; the text says what."""
