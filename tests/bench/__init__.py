"""
How fast the switch is, as ratios: each figure is taken beside a peer in the same run, round by round in turn.

``python -m tests.bench`` prints the table. No test asserts a time; a small one only keeps this package running.
"""
