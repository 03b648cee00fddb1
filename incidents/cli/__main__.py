"""
``python -m incidents.cli``: the ``andon`` command where the entry point is not on the PATH.
"""

from __future__ import annotations

import sys

from incidents.cli import main

sys.exit(main())
