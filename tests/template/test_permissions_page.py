"""That docs/permissions.md says what the template does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.template.reading import of_type
from tools import permissions

if TYPE_CHECKING:
    from pathlib import Path


def test_the_page_is_current() -> None:
    assert permissions.PAGE.read_text(encoding="utf-8") == permissions.page(), "run `make pages`"


def test_the_page_speaks_of_every_role_queue_topic_and_key(resources: dict) -> None:
    text = permissions.page()
    for name in of_type(resources, "IAM::Role"):
        assert f"## `{name}`" in text
    for kind in ("SQS::Queue", "SNS::Topic", "KMS::Key"):
        for name in of_type(resources, kind):
            assert f"| `{name}`" in text


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The template with one text changed, beside the code that it names."""
    text = (permissions.ROOT / "template.yaml").read_text(encoding="utf-8")
    assert old in text
    for name in ("functions", "layers", "observability.yaml"):
        (tmp_path / name).symlink_to(permissions.ROOT / name)
    (tmp_path / "template.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return tmp_path / "template.yaml"


def test_a_permission_more_is_on_the_page(tmp_path: Path) -> None:
    page = permissions.page(changed(tmp_path, "[sqs:ReceiveMessage, ", "[sqs:PurgeQueue, sqs:ReceiveMessage, "))
    assert "`sqs:PurgeQueue`" in page


def test_a_statement_without_a_reason_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="a reason is missing, or for nothing: TheAliases, Whatever"):
        permissions.page(changed(tmp_path, "Sid: TheAliases", "Sid: Whatever"))
