"""The tests' own reader of YAML reads what the workflows use, and refuses what it would get wrong."""

import pytest

from tests.workflows.workflow import load

TEXT = """\
# what it is
name: refresh # how it is called
on:
  push:
    tags: ["v[0-9]+", main]
  workflow_dispatch:

permissions: {}
jobs:
  one:
    steps:
      - uses: actions/checkout@0000 # v4
        with:
          fetch-depth: 0
      # a comment
      - name: Two: lines
        run: |
          echo "# not a comment"

          if true; then
            echo 2
          fi
      - name: Folded
        if: ${{ !cancelled() }}
        run: >-
          one
          two
"""


def test_reads_what_workflows_are_written_in() -> None:
    assert load(TEXT.replace("Two: lines", "Two lines")) == {
        "name": "refresh",
        "on": {"push": {"tags": ["v[0-9]+", "main"]}, "workflow_dispatch": ""},
        "permissions": {},
        "jobs": {
            "one": {
                "steps": [
                    {"uses": "actions/checkout@0000", "with": {"fetch-depth": "0"}},
                    {"name": "Two lines", "run": 'echo "# not a comment"\n\nif true; then\n  echo 2\nfi\n'},
                    {"name": "Folded", "if": "${{ !cancelled() }}", "run": "one two"},
                ]
            }
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "a: &x 1",
        "a: *x",
        "a: !!str 1",
        "a: 'b'",
        "a: {b: c}",
        "a: 1\na: 2",
        "a:\n  b: 1\n c: 2",
        "a: >\n  b",
        "- a\nb: 1",
    ],
)
def test_refuses_the_rest(text: str) -> None:
    with pytest.raises(ValueError, match=r"not understood"):
        load(text)
