"""Which table an ARN names, and what is said of one that names none."""

import pytest

from stator.model.errors import AccessDeniedError, RequestError, ValidationError
from stator.rules.resource_arns import table_arn, table_named_by


def test_a_tables_arn_names_the_table() -> None:
    assert table_named_by(table_arn("My_Table-1.x")) == "My_Table-1.x"


@pytest.mark.parametrize(
    ("arn", "error", "said"),
    [
        ("orders", ValidationError, "ARNs must start with 'arn:': orders"),
        ("arn:not/a/good/format", ValidationError, "Provided Arn is not a DynamoDB resource arn"),
        (
            "arn:aws:s3:us-east-1:000000000000:table/orders",
            ValidationError,
            "Provided Arn is not a DynamoDB resource arn",
        ),
        (table_arn("orders") + "/index/by-at", ValidationError, "only table or stream is accepted"),
        (
            table_arn("orders").replace("us-east-1", "eu-west-1"),
            ValidationError,
            "Invalid TableArn: Invalid ResourceArn",
        ),
        (table_arn(""), ValidationError, "Invalid TableArn: Invalid ResourceArn provided as input"),
        (table_arn("orders").replace("000000000000", "123456789012"), AccessDeniedError, "Access is denied"),
    ],
)
def test_what_names_no_table_of_ours_is_refused(arn: str, error: type[RequestError], said: str) -> None:
    with pytest.raises(error) as refused:
        table_named_by(arn)
    assert said in refused.value.message
