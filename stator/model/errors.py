"""Everything that can go wrong, as one tree; a class says what the caller should do next.

    DomainError
    ├── RequestError            the request is wrong: change it (HTTP 400)
    │   ├── ValidationError · SerializationError · UnknownOperationError
    │   ├── AccessDeniedError
    │   ├── ResourceNotFoundError · TableNotFoundError · ResourceInUseError · TableAlreadyExistsError · LimitExceededError
    │   ├── ConditionalCheckFailedError
    │   ├── TransactionCanceledError · TransactionConflictError · TransactionInProgressError · IdempotentParameterMismatchError
    │   ├── ExpiredIteratorError · TrimmedDataError
    │   └── ContinuousBackupsUnavailableError · PointInTimeRecoveryUnavailableError · InvalidRestoreTimeError
    ├── RetryableError          nothing is known to be wrong with the request: try again
    │   ├── ServiceUnavailableError   certainly not applied (HTTP 503)
    │   └── OutcomeUnknownError       applied or not (HTTP 500)
    ├── NotLeaderError          somebody else leads; never leaves the router
    ├── ViewBehindError         this view is not as far as the reader wants; never leaves the router
    ├── LogError                the log refused or lost an append: its outcome is unknown (protocol R8)
    ├── DamagedDataError        bytes do not check: stop, do not skip
    │   └── DivergedError           each byte checks, but a view is not what its log comes to
    └── StartupError            the operator must change something: one line and an exit code

Texts are AWS's; `aws_type` is the name an SDK maps to an exception class.
"""

from typing import Any, ClassVar, NamedTuple


class DomainError(Exception):
    """Root of all errors raised on purpose."""

    aws_type: ClassVar[str] = "InternalServerError"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def extra_fields(self) -> dict[str, Any]:
        """Members of the JSON error body besides `__type` and the message."""
        return {}


class RequestError(DomainError):
    """The request cannot succeed as it is."""

    http_status = 400


class ValidationError(RequestError):
    aws_type = "ValidationException"


class SerializationError(RequestError):
    aws_type = "SerializationException"


class UnknownOperationError(RequestError):
    aws_type = "UnknownOperationException"


class AccessDeniedError(RequestError):
    aws_type = "AccessDeniedException"


class ResourceNotFoundError(RequestError):
    aws_type = "ResourceNotFoundException"


class TableNotFoundError(RequestError):
    """The backup family's name for a missing table."""

    aws_type = "TableNotFoundException"


class TableAlreadyExistsError(RequestError):
    aws_type = "TableAlreadyExistsException"


class ResourceInUseError(RequestError):
    aws_type = "ResourceInUseException"


class LimitExceededError(RequestError):
    aws_type = "LimitExceededException"


class ContinuousBackupsUnavailableError(RequestError):
    aws_type = "ContinuousBackupsUnavailableException"


class PointInTimeRecoveryUnavailableError(RequestError):
    aws_type = "PointInTimeRecoveryUnavailableException"


class InvalidRestoreTimeError(RequestError):
    aws_type = "InvalidRestoreTimeException"


class ExpiredIteratorError(RequestError):
    aws_type = "ExpiredIteratorException"


class TrimmedDataError(RequestError):
    aws_type = "TrimmedDataAccessException"


class ConditionalCheckFailedError(RequestError):
    """A write's condition was false; `item` is the canonical JSON of the item found, when the caller asked for it."""

    aws_type = "ConditionalCheckFailedException"

    def __init__(self, item: bytes | None = None) -> None:
        super().__init__("The conditional request failed")
        self.item = item

    def extra_fields(self) -> dict[str, Any]:
        """The item, as JSON bytes that go into the answer as they are."""
        return {} if self.item is None else {"Item": self.item}


class CancellationReason(NamedTuple):
    """Why one action of a transaction could not be; `code` "None": there was nothing against it."""

    code: str
    message: str = ""
    item: bytes | None = None
    """The canonical JSON of the item found, when the caller asked for it."""


class TransactionCanceledError(RequestError):
    """A transaction did nothing, for these reasons: one for each action, in order."""

    aws_type = "TransactionCanceledException"

    def __init__(self, reasons: list[CancellationReason]) -> None:
        codes = ", ".join(reason.code for reason in reasons)
        super().__init__(f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]")
        self.reasons = reasons

    def extra_fields(self) -> dict[str, Any]:
        """The reasons; items are JSON bytes that go into the answer as they are."""
        return {"CancellationReasons": [_shown(reason) for reason in self.reasons]}


def _shown(reason: CancellationReason) -> dict[str, Any]:
    given = {"Code": reason.code, "Message": reason.message or None, "Item": reason.item}
    return {name: value for name, value in given.items() if value is not None}


class TransactionConflictError(RequestError):
    """A transaction that has not ended holds the item."""

    aws_type = "TransactionConflictException"

    def __init__(self) -> None:
        super().__init__("Transaction is ongoing for the item")


class TransactionInProgressError(RequestError):
    """The transaction with this token has not ended."""

    aws_type = "TransactionInProgressException"

    def __init__(self) -> None:
        super().__init__("Transaction with given request token is already in progress")


class IdempotentParameterMismatchError(RequestError):
    """The token was used for another transaction."""

    aws_type = "IdempotentParameterMismatchException"

    def __init__(self) -> None:
        super().__init__("Request parameters do not match the parameters of the first request that used this token")


class RetryableError(DomainError):
    """Try again; SDKs do so by themselves on 5xx."""


class ServiceUnavailableError(RetryableError):
    """Certainly not applied."""

    aws_type = "ServiceUnavailable"
    http_status = 503


class OutcomeUnknownError(RetryableError):
    """The write may or may not take effect; a history checker must treat it as 'maybe'."""

    aws_type = "InternalServerError"
    http_status = 500


class NotLeaderError(DomainError):
    """This process does not lead the partition; `hint` names the node that may."""

    def __init__(self, hint: str | None) -> None:
        super().__init__(f"not the leader; try {hint}")
        self.hint = hint


class ViewBehindError(DomainError):
    """This view has not folded what the reader has seen already: ask another, or the leader."""


class LogError(DomainError):
    """An append's outcome is unknown: it may be in the log, now or later (protocol P2, P3)."""


class DamagedDataError(DomainError):
    """Stored bytes fail their check. Halt and rebuild; skipping would hide a loss."""


class DivergedError(DamagedDataError):
    """A view of a log holds something else than the log says. What to do is the same: make it anew."""


class StartupError(DomainError):
    """A process cannot start until its operator changes something; printed as one line."""
