"""ARNs of tables: what they look like here, and which table a request means by one. There is one account and one region.

Source: AWS's answers to ARNs of each kind.
"""

from stator.model.errors import AccessDeniedError, ValidationError

ACCOUNT = "000000000000"
REGION = "us-east-1"

_INVALID = "One or more parameter values were invalid: "
_FIELDS = 6


def table_arn(name: str) -> str:
    """The ARN of a table."""
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def table_named_by(arn: str) -> str:
    """The name of the table that an ARN names. Raises ValidationError, or AccessDeniedError for somebody else's table."""
    if not arn.startswith("arn:"):
        raise ValidationError(f"{_INVALID}ARNs must start with 'arn:': {arn}")
    fields = arn.split(":", _FIELDS - 1)
    if len(fields) < _FIELDS or fields[2] != "dynamodb":
        raise ValidationError(f"{_INVALID}Provided Arn is not a DynamoDB resource arn: {arn}")
    _, partition, _, region, account, resource = fields
    kind, _, name = resource.partition("/")
    if "/index/" in name:
        raise ValidationError(
            f"{_INVALID}Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}"
        )
    if kind != "table" or not name or "/" in name or (partition, region) != ("aws", REGION):
        raise ValidationError(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    if account != ACCOUNT:
        raise AccessDeniedError("Access is denied")
    return name
