"""A staff directory on PynamoDB: models, indexes, conditions, versions, written the way its own integration tests are."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import DeleteError, DoesNotExist, PutError, TransactGetError, TransactWriteError, UpdateError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection, LocalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite

FOLLOWED_WITHIN_S = 20.0
HIRED = datetime(2020, 2, 29, 12, 30, tzinfo=UTC)


class Address(MapAttribute[str, Any]):
    street = UnicodeAttribute()
    number = NumberAttribute()


class ByDepartment(GlobalSecondaryIndex["Employee"]):
    class Meta:
        index_name = "by_department"
        projection = AllProjection()
        read_capacity_units = 2
        write_capacity_units = 1

    department = UnicodeAttribute(hash_key=True)
    salary = NumberAttribute(range_key=True)


class BySalary(LocalSecondaryIndex["Employee"]):
    class Meta:
        index_name = "by_salary"
        projection = IncludeProjection(["department"])

    company = UnicodeAttribute(hash_key=True)
    salary = NumberAttribute(range_key=True)


class Employee(Model):
    class Meta:
        table_name = "pynamodb-staff"
        read_capacity_units = 2
        write_capacity_units = 1

    company = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(range_key=True)
    department = UnicodeAttribute()
    salary = NumberAttribute()
    by_department = ByDepartment()
    by_salary = BySalary()
    hired = UTCDateTimeAttribute(default=HIRED)
    remote = BooleanAttribute(default=False)
    photo = BinaryAttribute(null=True, legacy_encoding=False)
    skills = UnicodeSetAttribute(null=True)
    address = Address(null=True)
    reviews: ListAttribute[Any] = ListAttribute(null=True)
    extra = JSONAttribute(null=True)
    expires = TTLAttribute(null=True)
    version = VersionAttribute()


def colleague(number: int) -> Employee:
    return Employee("acme", f"name {number:02}", department=f"dept {number % 3}", salary=1_000 + (number * 11) % 30)


@pytest.fixture(scope="module", autouse=True)
def staff(aws_environment: None) -> Iterator[None]:
    """The table and thirty colleagues in it; gone afterwards."""
    assert not Employee.exists()
    Employee.create_table(wait=True)
    assert Employee.exists()
    with Employee.batch_write() as batch:
        for number in range(30):
            batch.save(colleague(number))
    yield
    Employee.delete_table()
    eventually(Employee.exists, False)


def eventually(look: Callable[[], object], expected: object) -> None:
    deadline = time.monotonic() + FOLLOWED_WITHIN_S
    while (seen := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert seen == expected


def test_a_model_comes_back_as_it_was_saved() -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    saved = Employee(
        "types",
        "all of them",
        department="d",
        salary=12.5,
        remote=True,
        photo=b"\x00\xff",
        skills={"go", "python"},
        address=Address(street="Main", number=7),
        reviews=["good", {"stars": 5}, [1, None]],
        extra={"a": [1, {"b": None}]},
        expires=expires,
    )
    saved.save()
    found = Employee.get("types", "all of them", consistent_read=True)
    assert found.serialize() == saved.serialize()
    assert found.expires == expires
    assert found.version == 1
    found.refresh(consistent_read=True)
    found.delete()
    with pytest.raises(DoesNotExist):
        Employee.get("types", "all of them", consistent_read=True)


def test_a_query_pages_filters_and_counts() -> None:
    everybody = [f"name {number:02}" for number in range(30)]
    assert [one.name for one in Employee.query("acme", page_size=7, consistent_read=True)] == everybody
    backwards = Employee.query(
        "acme", Employee.name < "name 05", scan_index_forward=False, limit=3, consistent_read=True
    )
    assert [one.name for one in backwards] == ["name 04", "name 03", "name 02"]
    well_paid = (Employee.salary > 1_020) & Employee.department.is_in("dept 1")
    chosen = Employee.query("acme", filter_condition=well_paid, consistent_read=True)
    assert [one.name for one in chosen] == [
        f"name {number:02}" for number in range(30) if (number * 11) % 30 > 20 and number % 3 == 1
    ]
    assert Employee.count("acme", Employee.name.startswith("name 2"), consistent_read=True) == 10


def test_a_query_goes_on_where_another_stopped() -> None:
    first = Employee.query("acme", limit=4, page_size=4, consistent_read=True)
    assert [one.name for one in first] == ["name 00", "name 01", "name 02", "name 03"]
    rest = Employee.query("acme", limit=2, last_evaluated_key=first.last_evaluated_key, consistent_read=True)
    assert [one.name for one in rest] == ["name 04", "name 05"]


def test_a_scan_finds_everybody_once_also_in_segments() -> None:
    everybody = [f"name {number:02}" for number in range(30)]
    assert sorted(one.name for one in Employee.scan(page_size=8, consistent_read=True)) == everybody
    in_segments = [
        one.name for segment in (0, 1) for one in Employee.scan(segment=segment, total_segments=2, consistent_read=True)
    ]
    assert sorted(in_segments) == everybody
    sevens = Employee.scan(Employee.name.contains("7"), consistent_read=True)
    assert sorted(one.name for one in sevens) == ["name 07", "name 17", "name 27"]


def test_indexes_are_queried_as_the_model_names_them() -> None:
    highest_paid = sorted(range(0, 30, 3), key=lambda number: (number * 11) % 30, reverse=True)
    expected = [f"name {number:02}" for number in highest_paid]
    eventually(lambda: [one.name for one in Employee.by_department.query("dept 0", scan_index_forward=False)], expected)
    eventually(lambda: Employee.by_department.count("dept 0", Employee.salary >= 1_000), 10)
    low = Employee.by_salary.query("acme", Employee.salary.between(1_000, 1_003), consistent_read=True)
    assert [one.salary for one in low] == [1_000, 1_001, 1_002, 1_003]


def test_batches_get_and_delete() -> None:
    with Employee.batch_write() as batch:
        for number in range(26):
            batch.save(Employee("gone", str(number), department="d", salary=number))
    wanted = [("gone", str(number)) for number in range(26)]
    assert sorted(one.salary for one in Employee.batch_get(wanted, consistent_read=True)) == list(range(26))
    with Employee.batch_write() as batch:
        for one in Employee.query("gone", consistent_read=True):
            batch.delete(one)
    assert Employee.count("gone", consistent_read=True) == 0


def test_a_version_keeps_the_later_writer_from_overwriting() -> None:
    Employee("versions", "v", department="d", salary=1).save()
    mine, theirs = (Employee.get("versions", "v", consistent_read=True) for _ in range(2))
    theirs.salary = 2
    theirs.save()
    mine.salary = 3
    with pytest.raises(PutError) as refused:
        mine.save()
    assert refused.value.cause_response_code == "ConditionalCheckFailedException"
    with pytest.raises(DeleteError):
        mine.delete()
    mine.refresh(consistent_read=True)
    assert (mine.salary, mine.version) == (2, 2)
    mine.delete()


def test_an_update_acts_on_paths_and_under_conditions() -> None:
    one = Employee("updates", "u", department="d", salary=1, address=Address(street="Main", number=1))
    one.save()
    one.update(
        actions=[
            Employee.salary.add(10),
            Employee.address.number.set(Employee.address.number + 1),
            Employee.skills.add({"kafka"}),
            Employee.reviews.set((Employee.reviews | []).append(["fine"])),
            Employee.remote.remove(),
        ],
        condition=Employee.salary == 1,
    )
    assert (one.salary, one.address.number, one.skills, one.reviews, one.version) == (11, 2, {"kafka"}, ["fine"], 2)
    with pytest.raises(UpdateError):
        one.update(actions=[Employee.salary.set(0)], condition=Employee.salary < 11)
    assert Employee.get("updates", "u", consistent_read=True).salary == 11
    one.delete(condition=Employee.salary == 11)


def lend(lender: Employee, borrower: Employee, amount: int) -> None:
    with TransactWrite(connection=Connection()) as loan:
        loan.condition_check(Employee, "loans", "bank", condition=Employee.name.does_not_exist())
        loan.update(lender, actions=[Employee.salary.add(-amount)], condition=Employee.salary >= amount)
        loan.update(borrower, actions=[Employee.salary.add(amount)])


def salaries(*names: str) -> list[float]:
    with TransactGet(connection=Connection()) as seen:
        found = [seen.get(Employee, "loans", name) for name in names]
    return [one.get().salary for one in found]


def test_a_transaction_writes_all_or_nothing_and_another_reads_it_whole() -> None:
    lender, borrower = (Employee("loans", name, department="d", salary=100) for name in ("lender", "borrower"))
    with TransactWrite(connection=Connection(), client_request_token="opened") as both:
        both.save(lender)
        both.save(borrower, condition=Employee.name.does_not_exist())
    lend(lender, borrower, 70)
    with pytest.raises(TransactWriteError) as refused:
        lend(lender, borrower, 70)
    reasons = [reason.code if reason else None for reason in refused.value.cancellation_reasons]
    assert reasons == [None, "ConditionalCheckFailed", None]
    assert salaries("lender", "borrower") == [30, 170]
    with pytest.raises(TransactGetError):
        salaries("lender", "lender")
    with TransactWrite(connection=Connection()) as closed:
        for name in ("lender", "borrower"):
            closed.delete(Employee.get("loans", name, consistent_read=True))


def test_the_model_switched_its_time_to_live_on() -> None:
    table = Employee._get_connection().connection.client
    described = table.describe_time_to_live(TableName=Employee.Meta.table_name)["TimeToLiveDescription"]
    assert described["AttributeName"] == "expires"
    assert described["TimeToLiveStatus"] in {"ENABLING", "ENABLED"}
