"""One module for each format: what its headers tell, read as sparingly as it can be.

Virtual sizes are those that ``qemu-img info`` shows, because a disk's size is what QEMU makes of it.
"""

from __future__ import annotations
