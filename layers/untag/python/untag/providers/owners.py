"""Finds the account number of an access key: the cloud's token service is asked, once for each key.

A listing that leaves out resources without tags leaves out those of other accounts as well. So only a number that the
cloud has said makes a resource that is left out one without tags: a number that somebody wrote down may be wrong.
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from untag.providers.base import AGAIN, Answer, Session, Verdict
from untag.providers.tokens import NEVER, Issued, TokenStore

_NUMBER = re.compile("[0-9]{1,20}")
_PASSED_ON = AGAIN | {Verdict.UNAUTHORIZED}
"""What the tag API would answer, too, or what passes."""

Ask = Callable[[Session[Any], str], Awaitable[str | Answer]]
"""Makes the call to the token service, from a region: the account's number, or why it was not said."""


class Owner(NamedTuple):
    """An account's number, None where it is not known. `confirmed`: by the cloud, and not by the credentials alone."""

    number: str | None = None
    confirmed: bool = False

    def is_account(self, number: str) -> bool:
        """Whether the cloud itself says that this is the account's number."""
        return self.confirmed and self.number == number


class Owners:
    """The accounts of a provider's keys."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.time) -> None:
        self._ask = ask
        self._kept: TokenStore[str] = TokenStore(clock)

    async def of(self, session: Session[Any], region: str = "", written: str | None = None) -> Owner | Answer:
        """The account that the session's key belongs to. An Answer: no call can be made with it now.

        `written` is the number that the credentials name. Without the cloud's word it is good enough to build names
        with. `region` decides where the cloud is asked, if it has to be asked in one.
        """
        kept = self._kept.of((session.credentials.access_key, region), partial(self._issue, region))
        number = await kept.get(session._replace(trail=None))
        if isinstance(number, Answer):
            return replace(number, unsent=True) if number.verdict in _PASSED_ON else Owner(written)
        if written not in (None, number):
            message = f"account_id in the credentials is {written}, and their key is of account {number}"
            return Answer(Verdict.FAILED, "account_mismatch", message, unsent=True)
        return Owner(number, confirmed=True)

    async def _issue(self, region: str, session: Session[Any]) -> Issued[str] | Answer:
        answer = await self._ask(session, region)
        if isinstance(answer, str):
            return Issued(answer, NEVER)
        # What will not pass is not asked for again with every call.
        verdict = answer.verdict if answer.verdict in _PASSED_ON else Verdict.FAILED
        message = f"sts GetCallerIdentity: {answer.message or 'no reason was given'}"
        return replace(answer, verdict=verdict, message=message)


def number_in(said: object) -> str | None:
    """An account's number out of an answer, as a text or a number; None where it is none."""
    text = str(said) if type(said) is int else said
    return text if isinstance(text, str) and _NUMBER.fullmatch(text) else None


def another_account(name: str, number: str) -> Answer:
    """The answer for a resource of another account than that of the credentials, which has this number."""
    message = f"{name} is in another account than the credentials, which are of {number}"
    return Answer(Verdict.REFUSED, "account_mismatch", message, unsent=True)
