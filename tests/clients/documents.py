"""The files of server/deploy, as they are shipped."""

import re

from tests.example import ROOT

DEPLOY = ROOT / "server" / "deploy"


def shipped(name: str, placeholders: dict[str, str]) -> str:
    """A file, its placeholders replaced: each has to be there."""
    return filled((DEPLOY / name).read_text(), placeholders)


def block(document: str, title: str, placeholders: dict[str, str]) -> str:
    """The fenced block of a document whose introduction names `title` in backquotes, its placeholders replaced."""
    text = (DEPLOY / document).read_text()
    found = re.search(rf"`{re.escape(title)}`[^`]*\n\n```\w*\n(.*?)```", text, re.DOTALL)
    assert found, f"{document} has no block for {title}"
    return filled(found.group(1), placeholders)


def filled(text: str, placeholders: dict[str, str]) -> str:
    for placeholder, value in placeholders.items():
        assert placeholder in text, f"no {placeholder} in:\n{text}"
        text = text.replace(placeholder, value)
    return text
