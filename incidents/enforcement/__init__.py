"""
The enforcement edge: what gateways talk to. Holds the proof that a kill has arrived.
"""
