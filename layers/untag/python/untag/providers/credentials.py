"""What an account's credentials are: a model of each provider's own, that never shows what is in it.

A provider's model says which fields there are, which of them are secret, and which environment variables hold those of
the default account.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from untag.contracts.problems import InvalidInputError, Problem

MOST_CALLS = 100_000
"""Calls a second that a `rate` may name."""


def _number(value: Any) -> Any:
    # Consoles in which secrets are written down make every field a text.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


HeaderText = Annotated[str, StringConstraints(pattern=r"^[ -~]+$", max_length=8192)]
"""What can travel in a header: what cannot is a mistake of the person who wrote it down."""


def _account_number(value: Any) -> str:
    # It is often written as a number.
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{5,20}", text):
        raise PydanticCustomError("account_number", "should be 5 to 20 digits")
    return text


AccountNumber = Annotated[str, BeforeValidator(_account_number)]
"""A vendor's number of an account, where that is made of digits."""


class Credentials(BaseModel):
    """What every provider's credentials hold.

    `rate` is in calls a second. It goes before the provider's own and the stack's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    variables: ClassVar[Mapping[str, str]] = {}
    """The environment variables of the default account, by the field that each one fills."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """The fields that are masked wherever they could be shown."""
    of_host: ClassVar[bool] = False
    """Whether `variables` hold the host's own role. The local stack has a role of its own, and passes no other on."""
    settings: ClassVar[frozenset[str]] = frozenset({"rate"})
    """The fields that have no part in how a call is signed."""

    rate: Annotated[float | None, BeforeValidator(_number), Field(gt=0, le=MOST_CALLS, allow_inf_nan=False)] = None

    @classmethod
    def parse(cls, fields: Any) -> Self:
        """The credentials in a JSON object. Raises InvalidInputError that names the field, never what is in it."""
        if not isinstance(fields, dict):
            raise InvalidInputError.of("should be a JSON object")
        if fields.keys() - cls.model_fields.keys():
            # Not named: a secret that stands in a name's place must not be read in a log.
            raise InvalidInputError.of(f"holds an unknown field; known are {', '.join(sorted(cls.model_fields))}")
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise InvalidInputError(
                Problem(".".join(map(str, detail["loc"])), _RULES.get(detail["type"], detail["msg"]))
                for detail in error.errors(include_url=False, include_input=False, include_context=False)
            ) from None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The default account's, out of the vendor's own variables. Raises InvalidInputError that names them."""
        fields = {name: value for name, variable in cls.variables.items() if (value := environ.get(variable))}
        if missing := cls.missing(environ):
            raise InvalidInputError.of(f"not set: {', '.join(missing)}")
        try:
            return cls.parse(fields)
        except InvalidInputError as error:
            path, message = error.problems[0]
            raise InvalidInputError.of(f"{message}: {cls.variables.get(path, path)}") from None

    @classmethod
    def missing(cls, environ: Mapping[str, str]) -> list[str]:
        """The variables that the default account lacks."""
        required = [name for name, field in cls.model_fields.items() if field.is_required()]
        return [cls.variables[name] for name in required if not environ.get(cls.variables[name])]

    @classmethod
    def without_secret(cls, account: str) -> Self | None:  # noqa: ARG003 - for models that can do without
        """The credentials of an account that has no secret, None where it needs one."""
        return None

    def masked(self, text: str) -> str:
        """The text with every secret value in it replaced."""
        for name in self.secrets:
            if secret := getattr(self, name):
                text = text.replace(secret, "***")
        return text

    def signs_like(self, other: "Credentials") -> bool:
        """Whether a call is signed alike with both, whatever else they hold."""
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in type(self).model_fields.keys() - self.settings
        )

    def __repr__(self) -> str:
        """The kind, and nothing of what is in it: no exception can carry a secret into a log."""
        return f"{type(self).__name__}()"

    __str__ = __repr__


_RULES = {
    "missing": "is required",
    "string_pattern_mismatch": "should be a printable ASCII text",
    "string_type": "should be a printable ASCII text",
    "string_too_long": "is longer than a header can be",
}


class AccessKey(Credentials):
    """An access key id with its secret, and the token that belongs to temporary ones."""

    secrets: ClassVar[frozenset[str]] = frozenset({"access_key", "secret_key", "security_token"})

    access_key: HeaderText
    secret_key: HeaderText
    security_token: HeaderText | None = None
