"""
An exhaustive search for an open gate: small worlds, the real lease classes, every order of events.

``world`` says what can happen, ``explore`` tries all of it, ``scopes`` limits it, ``mutations`` takes one rule away.
"""
