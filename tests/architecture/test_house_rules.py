"""Rules about modules that neither ruff nor import-linter can say."""

import re
import tomllib

from botocore.loaders import Loader

from tests.architecture.source_tree import ROOT, imports, module_name, python_files, shown

ENTRANCES = {"__init__", "__main__"}  # run or imported by name, not by a line of ours
OPERATIONS = ROOT / "services" / "router" / "operations"


def test_services_import_each_other_relatively() -> None:
    """The wheel carries the folder under another name (docs/decisions/0002-services-as-stator_services.md)."""
    absolute = [
        f"{shown(path)}: {name}"
        for path in python_files("services")
        for name, relative in imports(path)
        if not relative and name.split(".")[0] in {"services", "stator_services"}
    ]
    assert not absolute


def test_no_relative_import_climbs_out_of_services() -> None:
    outside = [
        f"{shown(path)}: {name}"
        for path in python_files("services")
        for name, relative in imports(path)
        if relative and name.split(".")[0] != "services"
    ]
    assert not outside


def test_no_module_is_dead() -> None:
    """A module lives when something that is not its own test imports it, or the package names it as an entrance.

    The simulator keeps in-memory twins alive.
    """
    importers = python_files("stator", "services", "tools", "bench", "tests/simulation", "tests/contracts")
    imported = {name for path in importers for name, _ in imports(path)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    imported |= {entrance for group in project["entry-points"].values() for entrance in group.values()}
    dead = [
        shown(path)
        for path in python_files("stator", "services")
        if path.stem not in ENTRANCES and module_name(path) not in imported
    ]
    assert not dead


def test_every_operation_file_is_named_as_the_api_names_it() -> None:
    loader = Loader()
    operations = {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        for service in ("dynamodb", "dynamodbstreams")
        for name in loader.load_service_model(service, "service-2")["operations"]
    }
    files = {path.stem for path in OPERATIONS.glob("*.py")} - {"__init__"}
    assert not files - operations
