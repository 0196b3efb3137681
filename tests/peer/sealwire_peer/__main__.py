"""Starts the driver: ``python -m sealwire_peer``."""

from __future__ import annotations

import sys
import warnings

from .driver import main

# Such certificates are refused here anyway.
warnings.filterwarnings("ignore", message="Parsed a serial number")
sys.exit(main())
