"""The few functions that all text from outside goes through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.cli.output import error_line
from generator.document import printable
from generator.publish import News, message
from generator.render.pages import code, codes, markdown
from tests.hostile.texts import LINES, WORDS, is_command, tokens
from tests.publish.test_publish import build

hostile = st.lists(
    st.sampled_from([*WORDS, *LINES, "#", "##", "[", ":", "::", " ", "|", "`", "\\", "\n", "%", "%25", "<", "]", "("])
    | st.text(max_size=6),
    max_size=6,
).map("".join)


@given(hostile, st.integers(min_value=20, max_value=200))
def test_a_printed_text_is_one_line_that_is_no_command(text: str, limit: int) -> None:
    line = printable(text, limit)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= limit
    assert not is_command(line)


@given(hostile)
def test_an_error_is_one_command_that_says_what_was_meant(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        line = error_line(text)
    assert len(line.splitlines()) == 1
    command, _, data = line.removeprefix("::").partition("::")
    assert command == "error"
    # As the runner reads it.
    assert data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == printable(text, 2000)


def test_elsewhere_an_error_is_a_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert error_line("100 % of it\n::error::") == "100 % of it?::error::"


IN_CELL = "| a | b |\n|---|---|\n| {} | end |\n"


@given(hostile)
def test_code_and_text_stay_in_their_cell(text: str) -> None:
    for shown, kind in ((code(text), "code_inline"), (markdown(text), "text"), (codes([text, "x"]), "code_inline")):
        cells = [token for token in tokens(IN_CELL.format(shown)) if token.type == "inline"]
        assert [cell.content for cell in cells][2:] == [cells[2].content, "end"]
        assert {each.type for each in cells[2].children or ()} <= {kind, "text"}
        assert len(cells) == 4


@given(hostile, st.sampled_from(["- {}", "### {} on x", "{}, and more", "- a: {}", "> {}"]))
def test_code_and_text_stay_in_their_line(text: str, line: str) -> None:
    around = [token.type for token in tokens(line.format("x")) if token.level == 0 or token.type != "text"]
    for shown in (code(text), markdown(text)):
        if shown.strip():
            found = [token.type for token in tokens(line.format(shown)) if token.type not in ("text", "code_inline")]
            assert found == [each for each in around if each != "text"]


@given(hostile)
def test_code_shows_what_it_was_given(text: str) -> None:
    plain = "".join(each if " " <= each <= "~" else "\0" for each in text).replace("`", "'")
    shown = [token.content for token in tokens(IN_CELL.format(code(text))) if token.type == "code_inline"]
    assert [each.replace("?", "").strip() for each in shown] == (
        [plain.replace("\0", "").replace("?", "").strip()] if text else []
    )


versions = hostile.filter(bool)


@given(versions, versions)
def test_a_commit_message_mentions_closes_and_commands_nothing(first: str, second: str) -> None:
    news = [News("x", (build(first, "a"), build(second, "b")), frozenset({second}))]
    subject, empty, *lines = message(news).splitlines()
    assert empty == ""
    assert len(subject) <= 72
    assert len(lines) == 2
    for line in (subject, *lines):
        assert line.isascii()
        assert not set(line) & set("@#[]<>`|*\\\x1b")
        assert not is_command(line)
