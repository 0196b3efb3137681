"""Starts the driver: ``python -m sealwire_peer``."""

from __future__ import annotations

import sys

from .driver import main

sys.exit(main())
