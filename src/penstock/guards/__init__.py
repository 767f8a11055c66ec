"""Guards: a config's hooks and their checks, compiled once with the plan; verdicts; what the caller is told of them.

Values in, values out: clock and network are passed in (``base.Outbound``). The stages are in pipeline/guarding/.
"""
