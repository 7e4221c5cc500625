"""Checking: files in, findings out. What was found, as text, JSON, SARIF or for GitHub."""

from .config import Config
from .document import document, findings_in
from .inspection import check
from .report import Entry, Note, Report, Silenced, Site

__all__ = [
    "Config",
    "Entry",
    "Note",
    "Report",
    "Silenced",
    "Site",
    "check",
    "document",
    "findings_in",
]
