"""That docs/clouds.md says what the providers declare."""

from tools import clouds


def test_the_page_is_current() -> None:
    assert clouds.PAGE.read_text(encoding="utf-8") == clouds.page(), "run `make pages`"


def test_the_page_speaks_of_every_api_with_what_is_its_own() -> None:
    rows = [line.split(" | ") for line in clouds.page().splitlines() if line.startswith("| ")]
    apis = {row[1]: row for row in rows if len(row) > 7}
    assert apis["`jdcloud.resourcetag`"][2:5] == ["50 x 10", "50", "the call names key and value"]
    assert apis["`aws.tagging`"][2:4] == ["20 x 50", "100"]
    assert apis["`huaweicloud.config`"][6] == "a tag"


def test_an_api_whose_tags_go_with_their_resource_follows_no_deletion() -> None:
    rows = {row[1]: row for row in (line.split(" | ") for line in clouds.page().splitlines()) if len(row) > 7}
    assert [rows[f"`{api}`"][-1] for api in ("aws.tagging", "aws.iam", "jdcloud.resourcetag")] == [
        "yes |",
        "no |",
        "no |",
    ]
