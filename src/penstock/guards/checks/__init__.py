"""The checks, a family in each module. registry.py lists the families."""
