"""Floor 3: the stages of a request, one verb a module; run.py reads top to bottom."""
