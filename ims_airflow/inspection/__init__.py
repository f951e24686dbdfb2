"""Looks into an image file and around it before IMS is asked to, and tells everything that it finds."""

from __future__ import annotations
