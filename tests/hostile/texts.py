"""Texts that would be more than text somewhere, and what tells whether they were."""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

# May stand in a package's name or version: printable ASCII without a space (generator/resolve/package.py).
WORDS = (
    "a|b|evil",
    "`evil`",
    "```evil",
    "<script>evil()</script>",
    "<img/src=x/onerror=evil()>",
    "<!--evil",
    "[evil](http://evil.example)",
    "![evil](http://evil.example/i.png)",
    "http://evil.example",
    "www.evil.example",
    "me@evil.example",
    "@evil",
    "evil/evil#1",
    "::error::evil",
    "::add-mask::evil",
    "##[error]evil",
    "x##[add-mask]evil",
    "%0A::error::evil",
    "*evil*~~evil~~__evil__",
    "&lt;evil&gt;&#124;",
    "$(evil)",
    "\\evil\\",
    "'evil\"",
)
# May not, but in labels, platforms and whatever else an upstream says.
LINES = (
    "\n::error::evil",
    "\r\n# evil",
    "\n\n<b>evil",
    "\u202eevil",
    "\x1b[31mevil\x1b]0;evil\x07",
    "\x9b31mevil",
    "evil\x00",
    "| evil |\n| evil |",
    "\u2028::error::evil",
    " ::error::evil",
    "\n```\nevil",
)

_RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def is_command(line: str) -> bool:
    """Whether GitHub's runner takes a line of a log for a command (actions/runner, ActionCommand.cs)."""
    return line.lstrip().startswith("::") or "##[" in line


def tokens(markdown: str) -> Iterator[Token]:
    """Everything that a page is rendered from, what is inside of blocks included."""
    for token in _RENDERER.parse(markdown):
        yield token
        yield from token.children or ()


_PARTS = {
    *("inline", "text", "code_inline", "softbreak", "hr"),
    *(f"{part}_{end}" for part in ("heading", "paragraph", "bullet_list", "list_item") for end in ("open", "close")),
    *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td", "em") for end in ("open", "close")),
    *("code_block", "link_open", "link_close", "html_block", "html_inline"),
}
_OWN_LINK = re.compile(r"(?:[a-z/]+/)?README\.md|\d{4}(?:-\d\d)?\.md(?:#latest(?:-dev)?-[0-9a-f]{12})?")
_OWN_ANCHOR = re.compile(r'<a id="latest(?:-dev)?-[0-9a-f]{12}">|</a>')
_OWN_HTML = re.compile(r"<details><summary>\d+ notes?</summary>\n|</details>\n")


def acting(markdown: str) -> list[str]:
    """What is neither of the templates nor plain text or code; and what hostile text is not inside of code."""
    found = []
    for token in tokens(markdown):
        own = {
            "link_open": (_OWN_LINK, token.attrGet("href")),
            "html_block": (_OWN_HTML, token.content),
            "html_inline": (_OWN_ANCHOR, token.content),
        }
        pattern, value = own.get(token.type, (None, None))
        if (
            token.type not in _PARTS
            or (pattern and not pattern.fullmatch(str(value)))
            or (token.type == "text" and "evil" in token.content)
        ):
            found.append(f"{token.type}: {token.content or token.attrs}")
    return found


def coded(markdown: str) -> set[str]:
    """Every text that is shown as code, between other text."""
    return {token.content for token in tokens(markdown) if token.type == "code_inline"}
