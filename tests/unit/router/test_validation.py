"""Expected texts were recorded from AWS by dynalite and dynoxide, or follow their pattern."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.request_values import Faults
from services.router.shapes import OPERATIONS
from services.router.validation import validate
from stator.model.errors import SerializationError, UnknownOperationError, ValidationError

AN_ITEM = {"a": {"S": "1"}}
CAST = (
    "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class java.lang.Class "
    "(sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module java.base of "
    "loader 'bootstrap')"
)


def call(operation: str, parameters: Any) -> dict[str, Any]:
    return validate(operation, json.dumps(parameters).encode())


def refusal(operation: str, parameters: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        call(operation, parameters)
    return caught.value.message


def misfit(operation: str, parameters: Any) -> str:
    with pytest.raises(SerializationError) as caught:
        call(operation, parameters)
    return caught.value.message


def faults(*texts: str) -> str:
    count = f"{len(texts)} validation error{'s' if len(texts) > 1 else ''} detected: "
    return count + "; ".join(text.replace(" !", " failed to satisfy constraint: Member must ") for text in texts)


def test_all_62_operations_and_the_streams_four_have_a_shape() -> None:
    assert len(OPERATIONS) == 66


def test_a_good_request_passes_unchanged() -> None:
    good = {"TableName": "abc", "Item": AN_ITEM, "ReturnValues": "ALL_OLD", "ExpressionAttributeNames": {"#a": "a"}}
    assert call("PutItem", good) == good


def test_unknown_members_and_nulls_are_dropped() -> None:
    assert call("GetItem", {"TableName": "abc", "Key": AN_ITEM, "Colour": 1, "ConsistentRead": None}) == {
        "TableName": "abc",
        "Key": AN_ITEM,
    }


@pytest.mark.parametrize("operation", ["GetItem", "DescribeTable", "TransactGetItems"])
def test_a_table_arn_becomes_the_name(operation: str) -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/abc"
    if operation == "TransactGetItems":
        got = call(operation, {"TransactItems": [{"Get": {"TableName": arn, "Key": AN_ITEM}}]})
        assert got["TransactItems"][0]["Get"]["TableName"] == "abc"
    else:
        assert call(operation, {"TableName": arn, "Key": AN_ITEM})["TableName"] == "abc"


def test_a_table_arn_as_a_key_of_request_items_becomes_the_name() -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/abc"
    batch = {"RequestItems": {arn: {"Keys": [AN_ITEM]}}}
    assert call("BatchGetItem", batch) == batch  # what is not processed is told under the name that the client gave


def test_an_operation_nobody_knows_is_said_so() -> None:
    with pytest.raises(UnknownOperationError):
        validate("ListTable", b"{}")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"hi", b'{"TableName":"abc",}', b"{} {}", b"[]", b"1", b"null", b"[" * 100_000, b'{"a":"\xff"}']
)
def test_what_is_no_json_object_is_refused_without_a_message(body: bytes) -> None:
    with pytest.raises(SerializationError) as caught:
        validate("GetItem", body)
    assert caught.value.message == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "TRUE_VALUE cannot be converted to String"),
        (False, "FALSE_VALUE cannot be converted to String"),
        (23, "NUMBER_VALUE cannot be converted to String"),
        (34.56, "DECIMAL_VALUE cannot be converted to String"),
        ([], "Unrecognized collection type class java.lang.String"),
        ({}, "Start of structure or map found where not expected"),
    ],
)
def test_a_string_takes_only_strings(value: Any, text: str) -> None:
    assert misfit("GetItem", {"TableName": value}) == text
    assert misfit("GetItem", {"AttributesToGet": [value]}) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("23", "STRING_VALUE cannot be converted to Integer"),
        (True, "TRUE_VALUE cannot be converted to Integer"),
        ([], "Unrecognized collection type class java.lang.Integer"),
        ({}, "Start of structure or map found where not expected"),
    ],
)
def test_a_number_takes_only_numbers(value: Any, text: str) -> None:
    assert misfit("Scan", {"TableName": "abc", "Limit": value}) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**31, "NUMBER_VALUE cannot be converted to Integer"),
        (-(2**31) - 1, "NUMBER_VALUE cannot be converted to Integer"),
        (1e308, "DECIMAL_VALUE cannot be converted to Integer"),
    ],
)
def test_a_whole_number_is_no_larger_than_javas(value: float, text: str) -> None:
    assert misfit("Scan", {"TableName": "abc", "Limit": value}) == text


def test_a_long_number_is_no_larger_than_javas() -> None:
    table = {"TableName": "abc", "ProvisionedThroughput": {"ReadCapacityUnits": 2**63, "WriteCapacityUnits": 1}}
    assert misfit("CreateTable", table) == "NUMBER_VALUE cannot be converted to Long"


def test_javas_largest_numbers_are_numbers() -> None:
    assert call("Scan", {"TableName": "abc", "Limit": 2**31 - 1})["Limit"] == 2**31 - 1
    units = {"ReadCapacityUnits": 2**63 - 1, "WriteCapacityUnits": 1}
    table = {"TableName": "abc", "ProvisionedThroughput": units}
    assert call("CreateTable", table)["ProvisionedThroughput"] == units


def test_a_whole_number_drops_its_fraction() -> None:
    assert call("Scan", {"TableName": "abc", "Limit": 1.7})["Limit"] == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("maybe", "Unexpected token received from parser"),
        (23, "NUMBER_VALUE cannot be converted to Boolean"),
        (34.56, "DECIMAL_VALUE cannot be converted to Boolean"),
        ([], "Unrecognized collection type class java.lang.Boolean"),
        ({}, "Start of structure or map found where not expected"),
    ],
)
def test_a_boolean_takes_only_booleans_and_their_words(value: Any, text: str) -> None:
    assert misfit("GetItem", {"ConsistentRead": value}) == text


@pytest.mark.parametrize(("word", "meaning"), [("true", True), ("TRUE", True), ("yes", True), ("0", False)])
def test_words_for_booleans_are_converted(word: str, meaning: bool) -> None:
    assert call("GetItem", {"TableName": "abc", "Key": AN_ITEM, "ConsistentRead": word})["ConsistentRead"] is meaning


PREFIX = "com.amazonaws.dynamodb.v20120810."


@pytest.mark.parametrize(
    ("operation", "parameters", "text"),
    [
        ("CreateTable", {"KeySchema": "x"}, "Unexpected field type"),
        ("CreateTable", {"KeySchema": {}}, "Start of structure or map found where not expected"),
        ("CreateTable", {"KeySchema": ["x"]}, "Unexpected value type in payload"),
        ("CreateTable", {"KeySchema": [[]]}, f"Unrecognized collection type class {PREFIX}KeySchemaElement"),
        ("CreateTable", {"ProvisionedThroughput": 1}, "Unexpected field type"),
        (
            "CreateTable",
            {"ProvisionedThroughput": []},
            f"Unrecognized collection type class {PREFIX}ProvisionedThroughput",
        ),
        (
            "CreateTable",
            {"ProvisionedThroughput": {"ReadCapacityUnits": "1"}},
            "STRING_VALUE cannot be converted to Long",
        ),
        ("PutItem", {"Item": "x"}, "Unexpected field type"),
        (
            "PutItem",
            {"Item": []},
            f"Unrecognized collection type java.util.Map<java.lang.String, {PREFIX}AttributeValue>",
        ),
        (
            "GetItem",
            {"ExpressionAttributeNames": []},
            "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>",
        ),
        (
            "BatchWriteItem",
            {"RequestItems": []},
            f"Unrecognized collection type java.util.Map<java.lang.String, java.util.List<{PREFIX}WriteRequest>>",
        ),
        ("BatchWriteItem", {"RequestItems": {"abc": "x"}}, CAST),
        ("BatchWriteItem", {"RequestItems": {"abc": [{"PutRequest": 1}]}}, "Unexpected field type"),
        ("BatchGetItem", {"RequestItems": {"abc": {"Keys": ["x"]}}}, CAST),
        ("Query", {"KeyConditions": {"a": 1}}, "Unexpected value type in payload"),
        ("PutItem", {"Expected": {"a": {"Value": 1}}}, "Unexpected field type"),
    ],
)
def test_collections_take_only_their_own_shape(operation: str, parameters: Any, text: str) -> None:
    assert misfit(operation, parameters) == text


def test_a_wrong_type_anywhere_is_reported_before_any_constraint() -> None:
    assert misfit("GetItem", {"TableName": "", "ConsistentRead": 1}) == "NUMBER_VALUE cannot be converted to Boolean"


def test_missing_members_are_reported_together() -> None:
    assert refusal("PutItem", {}) == faults(
        "Value null at 'tableName' !not be null", "Value null at 'item' !not be null"
    )


def test_every_constraint_of_a_request_is_reported() -> None:
    bad = {
        "TableName": "abc;",
        "ReturnConsumedCapacity": "hi",
        "ReturnItemCollectionMetrics": "hi",
        "ReturnValues": "hi",
    }
    assert refusal("PutItem", bad) == faults(
        "Value 'hi' at 'returnConsumedCapacity' !satisfy enum value set: [INDEXES, TOTAL, NONE]",
        "Value 'abc;' at 'tableName' !satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        "Value null at 'item' !not be null",
        "Value 'hi' at 'returnValues' !satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]",
        "Value 'hi' at 'returnItemCollectionMetrics' !satisfy enum value set: [SIZE, NONE]",
    )


def test_conditions_inside_maps_are_named_by_key() -> None:
    bad = {"TableName": "abc", "Limit": -1, "AttributesToGet": [], "KeyConditions": {"a": {}}}
    assert refusal("Query", bad) == faults(
        "Value '[]' at 'attributesToGet' !have length greater than or equal to 1",
        "Value '-1' at 'limit' !have value greater than or equal to 1",
        "Value null at 'keyConditions.a.member.comparisonOperator' !not be null",
    )


def test_elements_of_lists_are_counted_from_one() -> None:
    bad = {"TableName": "abc", "AttributeDefinitions": [], "KeySchema": [{"AttributeName": "a"}, {"KeyType": "Woop"}]}
    assert refusal("CreateTable", bad) == faults(
        "Value null at 'keySchema.1.member.keyType' !not be null",
        "Value null at 'keySchema.2.member.attributeName' !not be null",
        "Value 'Woop' at 'keySchema.2.member.keyType' !satisfy enum value set: [HASH, RANGE]",
    )


def test_transactions_name_the_action_and_its_member() -> None:
    bad = {"TransactItems": [{"Put": {"TableName": "abc"}}], "ClientRequestToken": "x" * 37}
    message = refusal("TransactWriteItems", bad)
    assert "Value null at 'transactItems.1.member.put.item' failed" in message
    assert f"Value '{'x' * 37}' at 'clientRequestToken' failed" in message


def test_batches_with_too_many_writes_name_the_map() -> None:
    writes = [{"PutRequest": {"Item": {"a": {"S": str(number)}}}} for number in range(26)]
    message = refusal("BatchWriteItem", {"RequestItems": {"abc": writes}})
    assert message.startswith("1 validation error detected: Value '{abc=[{PutRequest={Item={a={S=0}}}}, ")
    assert message.endswith(
        "}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
    )
    assert len(message) < 1_500


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_text_echoes_no_deeper_than_it_is_long(opening: str) -> None:
    levels = 400
    value = opening * levels + "1" + ("]" if opening == "[" else "}") * levels
    write = f'{{"PutRequest":{{"Item":{{"a":{{"L":{value}}}}}}}}}'
    with pytest.raises(ValidationError) as caught:
        validate("BatchWriteItem", f'{{"RequestItems":{{"abc":[{",".join([write] * 26)}]}}}}'.encode())
    assert len(str(caught.value)) < 1_500


def test_a_text_stops_reading_a_collection_where_it_is_cut() -> None:
    class Endless(list[int]):
        def __iter__(self) -> Iterator[int]:
            return itertools.repeat(7)

    found = Faults()
    found.add([Endless()], "path", "rule")
    (text,) = found.texts
    assert text.startswith("Value '[[7, 7, ")
    assert text.endswith("...]' at 'path' failed to satisfy constraint: rule")


def test_members_of_write_requests_are_named_in_full() -> None:
    bad = {"RequestItems": {"abc": [{"PutRequest": {}}]}}
    assert refusal("BatchWriteItem", bad) == faults(
        "Value null at 'requestItems.abc.member.1.member.putRequest.item' !not be null"
    )


@pytest.mark.parametrize("operation", ["BatchGetItem", "BatchWriteItem"])
def test_an_empty_batch_has_a_sentence_of_its_own(operation: str) -> None:
    assert refusal(operation, {"RequestItems": {}}) == f"The requestItems parameter is required for {operation}"


def test_bad_table_names_of_a_batch_are_bad_map_keys() -> None:
    message = refusal("BatchGetItem", {"RequestItems": {"a;": {"Keys": [AN_ITEM]}}})
    assert "at 'requestItems' failed to satisfy constraint: Map keys must satisfy constraint: [Member must" in message


def test_elements_with_limits_are_reported_on_the_list() -> None:
    index = {"IndexName": "abc", "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}]}
    index |= {"Projection": {"NonKeyAttributes": [""]}}
    bad = {"TableName": "abc", "AttributeDefinitions": [], "KeySchema": index["KeySchema"]}
    message = refusal("CreateTable", bad | {"LocalSecondaryIndexes": [index]})
    assert message == faults(
        "Value '[]' at 'localSecondaryIndexes.1.member.projection.nonKeyAttributes' !satisfy constraint: "
        "[Member must have length less than or equal to 255, Member must have length greater than or equal to 1]"
    )


def test_no_more_than_ten_faults_are_reported() -> None:
    bad = {"TransactItems": [{"Get": {}}] * 20}
    message = refusal("TransactGetItems", bad)
    assert message.startswith("10 validation errors detected: ")
    assert message.count("Value null") == 10


@pytest.mark.parametrize("operation", ["CreateTable", "DescribeTable", "DeleteTable", "UpdateTable"])
def test_the_control_plane_words_table_names_differently(operation: str) -> None:
    assert refusal(operation, {}) == "The parameter 'TableName' is required but was not present in the request"
    for name in ("", "a;", "a" * 256):
        assert refusal(operation, {"TableName": name}) == (
            "TableName must be at least 3 characters long and at most 255 characters long"
        )


def test_a_bad_character_in_a_table_name_shows_the_pattern() -> None:
    assert refusal("DescribeTable", {"TableName": "abc;"}) == faults(
        "Value 'abc;' at 'tableName' !satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    )


def test_the_data_plane_asks_only_for_one_character() -> None:
    assert call("Scan", {"TableName": "ab"})["TableName"] == "ab"
    assert refusal("Scan", {"TableName": ""}) == faults(
        "Value '' at 'tableName' !have length greater than or equal to 1"
    )


def test_attribute_values_are_left_to_the_model() -> None:
    odd = {"a": {"Z": 1}, "b": "not a value"}
    assert call("PutItem", {"TableName": "abc", "Item": odd})["Item"] == odd


texts = st.sampled_from(["", "a", "abc", "a;", "HASH", "ALL", "x" * 300])
pairs = st.lists(st.dictionaries(st.sampled_from(["AttributeName", "KeyType", "AttributeType"]), texts), max_size=3)
actions = st.dictionaries(st.sampled_from(["TableName", "ConditionExpression"]), texts)
requests = st.fixed_dictionaries(
    {},
    optional={
        "TableName": texts,
        "KeySchema": pairs,
        "AttributeDefinitions": pairs,
        "Limit": st.integers(-1, 1_000),
        "ProvisionedThroughput": st.dictionaries(
            st.sampled_from(["ReadCapacityUnits", "WriteCapacityUnits"]), st.integers(-1, 1)
        ),
        "AttributesToGet": st.lists(texts, max_size=2),
        "ExpressionAttributeNames": st.dictionaries(texts, texts),
        "TransactItems": st.lists(st.dictionaries(st.sampled_from(["Put", "Get", "Delete"]), actions), max_size=3),
        "RequestItems": st.dictionaries(texts, st.just([{"PutRequest": {}}]) | st.just([])),
    },
)


@given(st.sampled_from(["CreateTable", "Query", "TransactWriteItems", "BatchWriteItem"]), requests)
def test_a_request_fits_exactly_when_it_has_no_faults(operation: str, parameters: dict[str, Any]) -> None:
    shape = OPERATIONS[operation]
    typed = shape.typed(parameters, nested=False)
    found = Faults()
    shape.faults(typed, "", found)
    assert shape.fits(typed) == (not found.texts)
