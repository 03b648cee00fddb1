"""
The pages: sign-in, board, incident timeline, points, capabilities, playbooks, runbooks.
"""

from __future__ import annotations

from flask import Flask

from incidents.service import Service


def mount_pages(app: Flask, service: Service) -> None:
    """Put the pages' routes on the app."""
