"""A wheel in an empty environment, used from directories that try to get in its way."""

import http.client
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.standalone_server import free_port
from tests.wheel.installation import ROOT, Environment, Package, build, install, variables

PATIENCE_S = 60.0
SCHEMAS = {f"schemas/{path.relative_to(ROOT / 'schemas')}" for path in (ROOT / "schemas").rglob("*.avsc")}
CREATE = {
    "TableName": "things",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
THING = {"id": {"S": "1"}, "price": {"N": "5"}}
USERS_TESTS = """
def test_one(stator):
    things = stator.resource().create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    things.put_item(Item={"id": "1", "price": 5})
    assert things.get_item(Key={"id": "1"})["Item"] == {"id": "1", "price": 5}


def test_another(stator):
    assert stator.client().list_tables()["TableNames"] == EXPECTED
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def environment(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(package.wheel, tmp_path_factory.mktemp("environment"), "boto3", "pytest")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody's project, whose packages have the names of ours and may not be touched."""
    for name in ("services", "stator", "stator_services"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise AssertionError('the wrong package')")
    return tmp_path


@contextmanager
def serving(environment: Environment, directory: Path) -> Iterator[http.client.HTTPConnection]:
    """A connection to `stator serve`, started in that directory with what a user would type."""
    port = free_port()
    command = [str(environment.stator), "serve", "--port", str(port), "--admin-port", "0"]
    with subprocess.Popen(command, cwd=directory, env=variables(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "Stator serves" in line:
                break
        try:
            assert process.poll() is None, said
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            yield connection
            connection.close()
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def call(connection: http.client.HTTPConnection, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
    connection.request("POST", "/", json.dumps(request), headers)
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    assert response.status == 200, answer
    return answer


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_serves_from_a_directory_with_packages_of_the_same_names(environment: Environment, project: Path) -> None:
    with serving(environment, project) as connection:
        call(connection, "CreateTable", CREATE)
        call(connection, "PutItem", {"TableName": "things", "Item": THING})
    with serving(environment, project) as connection:
        assert call(connection, "GetItem", {"TableName": "things", "Key": {"id": {"S": "1"}}}) == {"Item": THING}
    assert (project / "data").is_dir()


@pytest.mark.parametrize(("scope", "seen_by_another"), [("function", []), ("session", ["things"])])
def test_the_pytest_fixture_is_there_without_an_import(
    environment: Environment, tmp_path: Path, scope: str, seen_by_another: list[str]
) -> None:
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nstator_scope = {scope}\nfilterwarnings = error\n")
    (tmp_path / "test_things.py").write_text(f"EXPECTED = {seen_by_another}\n{USERS_TESTS}")
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "__init__.py").write_text("")
    pytest_run = [str(environment.python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        pytest_run, cwd=tmp_path, env=variables(), capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


def test_it_installs_two_packages_and_nothing_of_a_common_name(package: Package) -> None:
    assert {name.split("/")[0] for name in names_in(package.wheel)} == {
        "stator",
        "stator_services",
        "stator-0.1.0.dist-info",
    }


def test_it_carries_schemas_licence_and_the_mark_of_typed_packages(package: Package) -> None:
    names = names_in(package.wheel)
    assert {f"stator/{schema}" for schema in SCHEMAS} <= names
    assert {f"stator-0.1.0.dist-info/licenses/{name}" for name in ("LICENSE", "NOTICE")} <= names
    assert "stator/py.typed" in names


def test_the_source_archive_makes_the_same_wheel_as_the_checkout(package: Package) -> None:
    assert names_in(package.wheel) == names_in(package.wheel_of_checkout)


def test_the_source_archive_holds_sources_and_not_a_developers_files(package: Package) -> None:
    with tarfile.open(package.source) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    assert tops == {"LICENSE", "NOTICE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore", "services", "stator"}
