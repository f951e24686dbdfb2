from __future__ import annotations

from xml.sax.saxutils import escape


def leaf(name: str, text: object) -> str:
    """Write an element that holds text."""
    return f"<{name}>{escape(str(text))}</{name}>"


def node(name: str, *inner: str, xmlns: str = "") -> str:
    """Write an element that holds elements.

    :param inner: ready XML.
    """
    space = f' xmlns="{xmlns}"' if xmlns else ""
    return f"<{name}{space}>{''.join(inner)}</{name}>"


def flag(value: bool) -> str:
    """Spell a truth value as XML does."""
    return "true" if value else "false"
