"""The page's files: nothing from elsewhere, nothing inline, and a word for every flag."""

import re
from pathlib import Path

import pytest

from ems_telemetry.api.docs import STATIC as DOCS_STATIC
from ems_telemetry.api.items import FLAG_NAMES
from ems_telemetry.web.page import STATIC

FILES = [*STATIC.iterdir(), *DOCS_STATIC.iterdir()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_a_file_loads_nothing_from_elsewhere(file: Path) -> None:
    text = re.sub(r'xmlns="[^"]*"', "", file.read_text())
    assert not re.findall(r"https?:|//[a-z]+\.", text)


@pytest.mark.parametrize("page", [STATIC / "page.html", DOCS_STATIC / "docs.html"], ids=lambda page: str(page.name))
def test_a_page_has_no_inline_script_or_style(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text)


def test_the_page_has_words_for_every_flag() -> None:
    words = (STATIC / "words.js").read_text()
    table = words[words.index("FLAGS = {") : words.index("};")]
    assert set(re.findall(r"^  (\w+):", table, re.MULTILINE)) == {name for _, name in FLAG_NAMES}
