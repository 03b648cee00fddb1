"""
Faults, each tried many times against real code, real files and real programs: ``python -m tests.chaos``.

A fault counts what went wrong as violations of one promise that it names; a violation anywhere is a failure. The short
versions run as tests in ``tests/flows``.
"""
