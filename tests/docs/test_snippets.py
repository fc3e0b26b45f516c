"""Every block of code on every page runs, in order, against a real server."""

import itertools
from pathlib import Path

import pytest

from stator.testing import StatorServer
from tests.docs.snippets import ROOT, Reader, reader, snippets_of
from tests.native_cluster import BreakableCluster
from tests.standalone_server import free_port
from tools.brokers import bootstrap_servers

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")])
WITH_CODE = [page for page in PAGES if snippets_of(page)]
ON_A_CLUSTER = [ROOT / "docs" / "quickstart-kafka.md"]
NOT_RUN = {
    "README.md": 2,
    "docs/change-topics.md": 1,
    "docs/command-line.md": 1,
    "docs/consistency.md": 1,
    "docs/compose.md": 3,
    "docs/quickstart-kafka.md": 1,
    "docs/quickstart-restore.md": 1,
    "docs/quickstart-sdk.md": 1,
}
"""Blocks that no test runs, by page. A new one needs a reason on the page, and a reviewer who sees this number change."""


def shown(page: Path) -> str:
    return str(page.relative_to(ROOT))


def follow_page(page: Path, somebody: Reader) -> None:
    for snippet in snippets_of(page):
        if snippet.not_run is None:
            somebody.follow(snippet)


@pytest.mark.parametrize("page", [page for page in WITH_CODE if page not in ON_A_CLUSTER], ids=shown)
def test_a_page_works_on_a_standalone_server(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admin_port = free_port()
    monkeypatch.setenv("STATOR_ADMIN", f"http://localhost:{admin_port}")
    with StatorServer(None, "--admin-port", str(admin_port)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.endpoint_url)
        with reader(tmp_path, {"localhost:8000": f"localhost:{server.port}"}) as somebody:
            follow_page(page, somebody)


@pytest.mark.cluster
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", ON_A_CLUSTER, ids=shown)
def test_a_page_works_on_a_cluster(
    page: Path, cluster: BreakableCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", cluster.endpoint)
    ports = cluster.native.ports
    addresses = {"localhost:8000": f"localhost:{ports.api}", "localhost:9092": bootstrap_servers(ports.kafka)}
    with reader(tmp_path, addresses) as somebody:
        follow_page(page, somebody)


def test_blocks_that_no_test_runs_are_counted() -> None:
    not_run = {shown(page): sum(snippet.not_run is not None for snippet in snippets_of(page)) for page in WITH_CODE}
    assert {page: count for page, count in not_run.items() if count} == NOT_RUN


def test_no_block_escapes_by_being_indented() -> None:
    """A page has fenced blocks only: an indented one would not be run."""
    indented = [
        f"{shown(page)}: {line.strip()}"
        for page in PAGES
        for before, line in pairs(page.read_text().splitlines())
        if line.startswith("    ") and not before.strip()
    ]
    assert not indented


def pairs(lines: list[str]) -> list[tuple[str, str]]:
    """Each line with the one before it, fenced blocks left out."""
    fenced = False
    outside: list[str] = []
    for line in lines:
        fenced ^= line.startswith("```")
        if not fenced:
            outside.append(line)
    return list(itertools.pairwise(outside))
