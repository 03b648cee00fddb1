"""
The demo that ``andon serve --demo`` sets up: a sample catalog, two people, and a small gateway of its own.
"""
