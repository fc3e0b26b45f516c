"""What no file may carry, and what every page must get right."""

import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, shown, text_files

# The patterns are written so that they do not match themselves.
FORBIDDEN = {
    "a package registry (whoever installs chooses one)": (
        r"pypi[.]org|pythonhosted[.]org|proxy[.]golang[.]org|repo[.]maven[.]apache[.]org|repo1[.]maven[.]org"
        r"|(?:index|extra-index)[-_]ur[l]|find[-_]link[s]|<repositor(?:y|ies)[>]|<mirror[>]"
    ),
    "a path of somebody's machine": r"(?<![\w./-])/(?:root|home|Users|work)[/]\w",
    "a credential": r"AKIA(?![0-9A-Z]*EXAMPLE)[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE[ ]KEY",
}
LINK = re.compile(r"\]\(([^)\s]+)\)")
OWN_PATH = re.compile(
    r"(?<![\w/:.-])(?:stator|services|tests|tools|docs|schemas|bench)/[\w./-]+\.(?:py|md|avsc|toml|xml)\b"
)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{shown(path)}: {match[0]}"
        for path in text_files()
        for match in pattern.finditer(path.read_text(errors="replace"))
    ]
    assert not found


def test_every_link_in_a_page_leads_somewhere() -> None:
    broken = [
        f"{shown(page)}: {target}"
        for page in text_files()
        if page.suffix == ".md"
        for target in LINK.findall(page.read_text())
        if not re.match(r"\w+:|#", target) and not (page.parent / target.partition("#")[0]).exists()
    ]
    assert not broken


def test_every_file_that_is_spoken_of_exists() -> None:
    """A page, docstring or comment that names a file of ours is wrong the day the file moves; this says so."""
    missing = [
        f"{shown(path)}: {name}"
        for path in text_files()
        if path.suffix in {".py", ".md"} and path != Path(__file__)
        for name in OWN_PATH.findall(path.read_text())
        if not (ROOT / name).exists()
    ]
    assert not missing
