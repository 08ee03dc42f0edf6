"""Credentials that expire: renewed once for everybody, ahead of time, and replaced once where they are refused."""

import asyncio
from urllib.parse import parse_qs

import httpx
import pytest
from support import Wire, run, run_hurried, session

from untag.providers import Answer, Verdict
from untag.providers.credentials import AccessKey
from untag.providers.http import Reply, call
from untag.providers.signing import AWS4, DerivedKeyAuth
from untag.providers.tokens import (
    AGAIN_SECONDS,
    EARLY_SECONDS,
    NEVER,
    Bearer,
    Issued,
    TokenAuth,
    Tokens,
    TokenStore,
    ask_for_token,
)

LOGIN = "https://login.example.com/token"
API = "https://api.example.com/v1"
FIELDS = {"grant_type": "client_credentials", "client_secret": "a b~/+&", "scope": "https://api.example.com/.default"}


class Login:
    """A token endpoint and an API, and the time. Tokens are numbered; the API takes those that it does not revoke."""

    def __init__(self, *answers: httpx.Response, lifetime: float = 3600, seconds: float = 0.0) -> None:
        self.now = 1_000_000.0
        self.answers = list(answers)
        self.lifetime = lifetime
        self.seconds = seconds
        self.logins: list[httpx.Request] = []
        self.calls: list[str] = []
        self.revoked: set[str] = set()
        self.tokens: Tokens[str] = Tokens(self.issue, lambda: self.now)

    async def issue(self, one):
        await asyncio.sleep(self.seconds)
        return await ask_for_token(one, LOGIN, FIELDS, clock=lambda: self.now)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) == LOGIN:
            self.logins.append(request)
            if self.answers:
                return self.answers.pop(0)
            issued = {"token_type": "Bearer", "access_token": f"t{len(self.logins)}", "expires_in": self.lifetime}
            return httpx.Response(200, json=issued)
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.calls.append(token)
        return httpx.Response(401 if token in self.revoked else 200, json={})

    def ask(self, number: int = 1, auth: httpx.Auth | None = None, timeout: float = 5.0, *, hurried: bool = False):
        used = auth or TokenAuth(self.tokens, Bearer)

        async def ask():
            async with Wire(self.answer).client() as client:
                asked = (call(session(client, used, timeout), "GET", API) for _ in range(number))
                return await asyncio.gather(*asked)

        return (run_hurried if hurried else run)(ask())


def final(error: str = "invalid_client", status: int = 401) -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": "AADSTS7000215: secret of app 123"})


def test_a_token_is_asked_for_by_a_form_and_sent_with_the_call() -> None:
    login = Login()
    (reply,) = login.ask()
    assert (reply.status, login.calls) == (200, ["t1"])
    (asked,) = login.logins
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.content.decode()) == {name: [value] for name, value in FIELDS.items()}
    assert b"client_secret=a+b~%2F%2B%26" in asked.content
    assert "authorization" not in asked.headers


def test_twenty_calls_at_once_need_one_token() -> None:
    login = Login(seconds=0.01)
    assert [reply.status for reply in login.ask(20)] == [200] * 20
    assert len(login.logins) == 1


def test_a_token_is_kept_until_shortly_before_it_expires_and_renewed_ahead() -> None:
    login = Login()
    login.ask()
    login.now += 3600 - EARLY_SECONDS - 1
    login.ask()
    assert login.calls == ["t1", "t1"]
    login.now += 1
    login.ask()
    assert login.calls == ["t1", "t1", "t2"]


def test_a_token_that_lives_short_is_renewed_at_half_of_its_life() -> None:
    login = Login(lifetime=60)
    login.ask()
    login.now += 29
    login.ask()
    login.now += 1
    login.ask()
    assert login.calls == ["t1", "t1", "t2"]


def test_while_one_call_renews_ahead_the_others_go_on_with_what_is_good_yet() -> None:
    login = Login()
    login.ask()
    login.now += 3600 - EARLY_SECONDS
    login.seconds = 0.01
    login.ask(20)
    assert len(login.logins) == 2
    assert sorted(login.calls[1:]) == ["t1"] * 19 + ["t2"]


def test_a_renewal_ahead_that_fails_leaves_the_token_in_use_and_is_tried_again_later() -> None:
    login = Login()
    login.ask()
    login.now += 3600 - EARLY_SECONDS
    login.answers = [httpx.Response(503), httpx.Response(503)]
    login.ask()
    login.ask()
    assert (login.calls, len(login.logins)) == (["t1"] * 3, 2)
    login.now += AGAIN_SECONDS
    login.ask()
    login.now += EARLY_SECONDS
    login.ask()
    assert login.calls == ["t1"] * 4 + ["t4"]


def test_a_refused_token_is_replaced_once_for_all_calls_that_it_was_refused_to() -> None:
    login = Login()
    login.ask()
    login.revoked = {"t1"}
    assert [reply.status for reply in login.ask(20)] == [200] * 20
    assert len(login.logins) == 2


def test_a_second_token_that_is_refused_too_means_the_credentials() -> None:
    login = Login()
    login.revoked = {"t1", "t2", "t3"}
    (reply,) = login.ask()
    assert reply.status == 401
    assert login.calls == ["t1", "t2"]


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (final(), Verdict.UNAUTHORIZED, "invalid_client"),
        (final("invalid_grant", 400), Verdict.UNAUTHORIZED, "invalid_grant"),
        (final("temporarily_unavailable", 400), Verdict.UNAVAILABLE, "temporarily_unavailable"),
        (httpx.Response(429), Verdict.THROTTLED, "HTTP_429"),
        (httpx.Response(503), Verdict.UNAVAILABLE, "HTTP_503"),
        (httpx.Response(403, text="<html>proxy</html>"), Verdict.UNAVAILABLE, "HTTP_403"),
        (httpx.Response(200, text="<html>hello</html>"), Verdict.UNAVAILABLE, "unexpected_answer"),
        (httpx.Response(200, json={"expires_in": 3600}), Verdict.UNAVAILABLE, "unexpected_answer"),
        (httpx.Response(200, json={"access_token": "t"}), Verdict.UNAVAILABLE, "unexpected_answer"),
        (httpx.Response(200, json={"access_token": "t\n", "expires_in": 1}), Verdict.UNAVAILABLE, "unexpected_answer"),
    ],
)
def test_a_refusal_is_final_or_passes_and_the_call_is_not_made(
    answer: httpx.Response, verdict: Verdict, code: str
) -> None:
    login = Login(answer)
    (told,) = login.ask()
    assert isinstance(told, Answer)
    assert (told.verdict, told.code, told.unsent) == (verdict, code, True)
    assert "AADSTS" not in (told.message or "")
    assert login.calls == []


def test_an_error_that_the_provider_knows_to_pass_is_not_final() -> None:
    async def ask():
        async with Wire(
            httpx.Response(400, json={"error": "invalid_grant", "error_codes": [70021]})
        ).client() as client:
            return await ask_for_token(session(client), LOGIN, FIELDS, passes=lambda body: 70021 in body["error_codes"])

    assert run(ask()).verdict is Verdict.UNAVAILABLE


def test_a_refusal_is_told_to_all_that_waited_for_it() -> None:
    login = Login(*[final() for _ in range(20)], seconds=0.01)
    assert {told.verdict for told in login.ask(20)} == {Verdict.UNAUTHORIZED}
    assert len(login.logins) == 1


def test_after_a_refusal_a_later_call_asks_anew() -> None:
    login = Login(httpx.Response(503))
    login.ask()
    (reply,) = login.ask()
    assert (reply.status, login.calls) == (200, ["t2"])


def test_token_and_call_have_the_time_of_one_call() -> None:
    login = Login()
    started = []

    async def issue(one):
        started.append(one.timeout)
        return Issued("t", login.now + 3600)

    login.ask(auth=TokenAuth(Tokens(issue, lambda: login.now), Bearer), timeout=7.0)
    assert started == [pytest.approx(7.0, abs=0.5)]


def test_a_call_waits_for_the_token_of_another_no_longer_than_its_own_time() -> None:
    login = Login()

    async def issue(one):
        await asyncio.sleep(60.0)
        return Answer(Verdict.UNAVAILABLE, code="timeout")

    told = login.ask(3, TokenAuth(Tokens(issue), Bearer), timeout=5.0, hurried=True)
    assert {(one.verdict, one.code, one.unsent) for one in told} == {(Verdict.UNAVAILABLE, "timeout", True)}
    assert login.calls == []


def test_an_assumed_roles_keys_sign_and_are_replaced_where_the_api_says_that_they_expired() -> None:
    keys = [AccessKey(access_key=f"AK{n}", secret_key="s", security_token=f"st{n}") for n in range(3)]
    issued, signers, sent = iter(keys), [], []

    async def issue(_):
        return Issued(next(issued), 2e9)

    def signer(key: AccessKey) -> httpx.Auth:
        signers.append(key.access_key)
        return DerivedKeyAuth(AWS4, key, region="eu-west-1", service="tagging")

    def expired(reply: Reply) -> bool:
        return reply.status == 400 and b"ExpiredToken" in reply.body

    auth = TokenAuth(Tokens(issue), signer, expired)

    def api(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["x-amz-security-token"])
        return httpx.Response(400 if sent[-1] == "st0" else 200, json={"__type": "ExpiredTokenException"})

    async def ask():
        async with Wire(api).client() as client:
            for _ in range(3):
                await call(session(client, auth), "POST", API, {}, content_type="application/x-amz-json-1.1")

    run(ask())
    assert sent == ["st0", "st1", "st1", "st1"]
    assert signers == ["AK0", "AK1"]  # a signer is kept, since it caches what it derives


def test_accounts_have_tokens_of_their_own_and_the_same_credentials_the_same() -> None:
    async def issue(_):
        return Issued("t", 2e9)

    store: TokenStore[str] = TokenStore()
    assert store.of(("a", "s"), issue) is store.of(("a", "s"), issue)
    assert store.of(("a", "s"), issue) is not store.of(("a", "other"), issue)


def test_what_never_expires_is_not_replaced_since_the_same_would_come_again() -> None:
    login = Login()
    login.revoked = {"fixed"}

    async def issue(_):
        return Issued("fixed", NEVER)

    (reply,) = login.ask(auth=TokenAuth(Tokens(issue), Bearer))
    assert (reply.status, login.calls) == (401, ["fixed"])


def test_what_is_refused_for_a_lasting_reason_is_not_asked_for_by_each_call() -> None:
    login, asked = Login(), []

    async def issue(_):
        asked.append(login.now)
        return Answer(Verdict.FAILED, "AccessDenied", "no such role")

    tokens: Tokens[str] = Tokens(issue, lambda: login.now)
    for pause in (0, AGAIN_SECONDS - 1, 1):
        login.now += pause
        (told,) = login.ask(auth=TokenAuth(tokens, Bearer))
        assert isinstance(told, Answer)
        assert (told.code, told.unsent) == ("AccessDenied", True)
    assert len(asked) == 2
