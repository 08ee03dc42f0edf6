"""Queues, topics, buses, rules and secrets in a moto server on loopback.

The functions reach them over HTTP as they would reach AWS. The local stack itself uses the same objects directly: it
runs in the server's process.
"""

import contextlib
import functools
import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import parse_qsl

from local.aws.own_services import Call, Reply, Service
from local.errors import LocalError
from local.template.resolve import ACCOUNT

if TYPE_CHECKING:
    from local.aws.service_faults import ServiceFaults

# The first is the usual one; the others are for further stacks in the same process.
REGIONS = ("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "eu-south-1", "us-east-1")

_lock = threading.Lock()
_taken: set[str] = set()


class Aws:
    """The AWS services of one stack, in one region.

    In one process each stack needs a region of its own, since moto keeps one set of queues for each.
    """

    def __init__(self, region: str, *, max_delay: float | None = None, visibility_timeout: float | None = None) -> None:
        self.region = region
        self.url = ""
        self._max_delay = max_delay
        self._visibility_timeout = visibility_timeout
        self._stack = contextlib.ExitStack()
        from local.aws.service_faults import ServiceFaults  # noqa: PLC0415 - what only asks a stack needs no clouds

        self.faults = ServiceFaults()
        """What the services do wrong, by their names."""
        self._front = _Front(self.faults)

    def start(self) -> None:
        """Listens on 127.0.0.1, on a port that the system chooses; `url` says which."""
        import moto.events.models  # noqa: PLC0415
        import moto.scheduler.models  # noqa: PLC0415
        import moto.sns.models  # noqa: PLC0415
        import moto.sqs.models  # noqa: PLC0415
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server  # noqa: PLC0415

        from local.aws.strict import StrictBuses, StrictQueues, StrictTopics  # noqa: PLC0415

        _mend_moto()
        # It would write a line for every request.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.queues = StrictQueues(self.region, ACCOUNT, self._max_delay, self._visibility_timeout)
        self.topics = StrictTopics(self.region, ACCOUNT)
        self.events = StrictBuses(self.region, ACCOUNT)
        self.scheduler = moto.scheduler.models.scheduler_backends[ACCOUNT][self.region]
        moto.sqs.models.sqs_backends[ACCOUNT][self.region] = self.queues
        moto.sns.models.sns_backends[ACCOUNT][self.region] = self.topics
        moto.events.models.events_backends[ACCOUNT][self.region] = self.events
        self._stack.callback(moto.sqs.models.sqs_backends[ACCOUNT].pop, self.region, None)
        self._stack.callback(self.queues.moves.stop)
        self._stack.callback(moto.sns.models.sns_backends[ACCOUNT].pop, self.region, None)
        self._stack.callback(moto.events.models.events_backends[ACCOUNT].pop, self.region, None)
        self._stack.callback(moto.scheduler.models.scheduler_backends[ACCOUNT].pop, self.region, None)
        self._front.application = DomainDispatcherApplication(create_backend_app)
        # moto's own ThreadedMotoServer, but for the front that can take a service down.
        server = make_server("127.0.0.1", 0, self._front, threaded=True, request_handler=MotoRequestHandler)
        self._stack.callback(server.server_close)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="aws", daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}"

    def reserve(self) -> None:
        """Takes the region; LocalError if another stack of this process has it."""
        with _lock:
            if self.region in _taken:
                raise LocalError(f"a local stack is already up in this process for {self.region}")
            _taken.add(self.region)
        self._stack.callback(_taken.discard, self.region)

    def stop(self) -> None:
        """Closes the server and forgets everything that it held."""
        self._stack.close()

    def put_secret(self, name: str, value: str) -> None:
        """Creates a secret, or gives it another value."""
        from moto.secretsmanager.models import secretsmanager_backends  # noqa: PLC0415

        backend = secretsmanager_backends[ACCOUNT][self.region]
        if name in backend.secrets:
            backend.put_secret_value(name, value, "", "", ["AWSCURRENT"])
            return
        backend.create_secret(
            name,
            secret_string=value,
            secret_binary=None,
            description=None,
            tags=None,
            kms_key_id=None,
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        self._stack.callback(secretsmanager_backends[ACCOUNT].pop, self.region, None)

    def serve(self, service: str, answer: Service) -> None:
        """Answers every request to a service here: moto is not asked."""
        self._front.own[service] = answer

    @property
    def down(self) -> Mapping[str, int]:
        """The services that are down, and how many requests each has refused since."""
        return self.faults.down

    def take_down(self, service: str) -> None:
        """From now on every request to a service ("sqs", "sns", ...) is answered with 503."""
        self.faults.take_down(service)

    def bring_up(self, service: str) -> int:
        """Ends what `take_down` began; gives how many requests were refused meanwhile."""
        return self.faults.bring_up(service)

    @contextlib.contextmanager
    def outage(self, *services: str) -> Iterator[None]:
        """While it lasts, every request to these services is answered with 503."""
        for service in services:
            self.take_down(service)
        try:
            yield
        finally:
            for service in services:
                self.bring_up(service)


def free_region() -> str:
    """A region that no stack of this process has."""
    with _lock:
        return next(region for region in REGIONS if region not in _taken)


@functools.cache
def _mend_moto() -> None:
    """What is mended for the whole process; it is never taken back, since several stacks may be up."""
    import moto.events.models  # noqa: PLC0415
    import moto.events.utils  # noqa: PLC0415
    import moto.sns.models  # noqa: PLC0415
    import moto.sqs.models  # noqa: PLC0415
    import moto.sqs.responses  # noqa: PLC0415

    from local.aws import deliveries  # noqa: PLC0415
    from local.aws.move_tasks import actions  # noqa: PLC0415

    subscription, rule = moto.sns.models.Subscription, moto.events.models.Rule
    patch.object(subscription, "publish", deliveries.to_subscriber(subscription.publish)).start()
    patch.object(rule, "_send_to_sqs_queue", deliveries.to_target(rule._send_to_sqs_queue)).start()  # noqa: SLF001

    for name, action in actions().items():
        patch.object(moto.sqs.responses.SQSResponse, name, action, create=True).start()

    # moto asks a time-zone library whenever it looks at a message's time: 115 ms to receive from 100 messages.
    patch.object(moto.sqs.models, "unix_time_millis", lambda _=None: time.time() * 1000).start()
    parser = moto.events.utils.EventTemplateParser
    patch.object(parser, "parse", staticmethod(_as_it_is(parser.parse))).start()


_AT_ONCE = 8
"""Calls that moto works at side by side: more of them only wait for each other."""


class _Front:
    """moto's application behind what the services do wrong, and what answers in its place."""

    def __init__(self, faults: "ServiceFaults") -> None:
        self._faults = faults
        self.application: Callable[..., Iterable[bytes]]
        self.own: dict[str, Service] = {}
        """What answers for services that moto is not asked for."""
        self._turn = threading.BoundedSemaphore(_AT_ONCE)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        # Credential=KEY/DATE/REGION/SERVICE/aws4_request
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
        call = _call(environ, body)
        refused = self._faults.answer(scope, call)
        if refused is not None:
            return _answered(refused, start_response)
        own = next((self.own[service] for service in scope if service in self.own), None)
        return self._worked_at(environ, start_response) if own is None else _answered(own(call), start_response)

    def _worked_at(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Moto's answer, a few at a time.

        A call whose caller has given it up is not worked at any more. Otherwise a machine that has too much to do is
        busy with such calls alone, while each of them is made anew: it would never come out of that.
        """
        if environ.get("HTTP_X_AMZ_TARGET", "").endswith(".ReceiveMessage"):  # it waits, and is no work
            return self.application(environ, start_response)
        with self._turn:
            if _is_closed(environ["werkzeug.socket"]):
                start_response("408 Request Timeout", [("Content-Length", "0")])
                return []
            return list(self.application(environ, start_response))


def _call(environ: Mapping[str, Any], body: bytes) -> Call:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    return Call(environ["REQUEST_METHOD"], environ["PATH_INFO"], query, headers, body)


def _answered(reply: Reply, start_response: Callable[..., Any]) -> list[bytes]:
    headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body))), *reply.headers]
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
    return [reply.body]


def _is_closed(connection: socket.socket) -> bool:
    """Whether the caller has closed its side; the whole request has been read by now."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _as_it_is(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Delivers an event without a transformer as it is.

    moto fills in a template of its own, which leaves out `account`, and which replaces "<id>" and the like in
    the event's own texts too.
    """

    def parsed(input_template: str | None, input_paths_map: dict[str, Any], event: Mapping[str, Any]) -> Any:
        if input_template:
            return parse(input_template, input_paths_map, event)
        return {key: value for key, value in event.items() if key != "ingestion-time"}

    return parsed
