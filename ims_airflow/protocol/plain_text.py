"""Text that others wrote, made fit for one line of a log: bounded, without secrets or control characters."""

from __future__ import annotations

import re

MASK = "***"
_LOOKED_AT = 16_000  # characters of a text that are worth cleaning; the result is far shorter anyway

# Control characters and line separators break a log line. A lone surrogate, which JSON can spell, breaks the
# file or the database that it is written to.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_NAMED_SECRET = re.compile(
    r"""
    \b(
        x-(?:auth|subject|security)-token | x-(?:obs|amz)-security-token | security_?token | token
        | (?:aws)?access_?key(?:_?id)? | secret_?(?:access_?)?key | secret | password | passwd
        | authorization | signature | credential(?=\s*=) | ak | sk
        | access(?=\s*=|\\?["']\s*:)          # not the plain word with a colon behind it
    )\b
    ([\\"']*\s*[:=]\s*)
    (?: \\?"[^"]*"? | '[^']*'? | [^\s,;&"'<>]+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
# "OBS ak:signature", where the signature is an SHA-1 in base64.
_SCHEME = re.compile(r"\b(OBS|AWS)\s+[A-Za-z0-9]+:[A-Za-z0-9+/]{27}=|\b(Bearer)\s+[^\s,;]{16,}")
# An SK has 40 letters and digits, a token thousands; ids (32, or 36 with hyphens) stay readable.
_LONG_SECRET = re.compile(r"[A-Za-z0-9]{40,}|[A-Za-z0-9+/=_*~.-]{120,}")


def printable(text: str) -> str:
    """Replace what cannot be stored or printed by spaces, and strip."""
    # All that is looked for is unprintable to Python, too, which says so faster.
    return (text if text.isprintable() else _UNPRINTABLE.sub(" ", text)).strip()


def masked(text: str) -> str:
    """Replace whatever looks like a key, a signature, a token or a password."""
    text = _SCHEME.sub(lambda found: f"{found[1] or found[2]} {MASK}", text)
    text = _NAMED_SECRET.sub(rf"\1\2{MASK}", text)
    return _LONG_SECRET.sub(MASK, text)


def one_line(text: str, limit: int = 500) -> str:
    """Clean a text for a message or a log line.

    :param limit: most characters of the result; what is longer ends in an ellipsis.
    """
    text = masked(" ".join(printable(text[:_LOOKED_AT]).split()))
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
