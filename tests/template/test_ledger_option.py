"""The ledger: an option that is off, a template of its own, and the same text of SQL as on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from cli.ledger import statements
from cli.ledger.tables import TABLES, glue_type
from tests.template.reading import DEFAULTS, arn, decided, of_type, text, transform
from tests.template.test_cfn_lint import lint

Json = dict[str, Any]

TEMPLATE = Path(__file__).parents[2] / "ledger.yaml"


@pytest.fixture(scope="module")
def ledger() -> Json:
    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"]


def one(resources: Json, kind: str) -> Json:
    (properties,) = of_type(resources, kind).values()
    return properties


def test_without_the_option_nothing_is_kept_and_with_it_one_stack_is_added(source: Json) -> None:
    off = decided(transform(source, DEFAULTS), source, DEFAULTS)["Resources"]
    on = decided(transform(source, {"Ledger": "on"}), source, {"Ledger": "on"})["Resources"]
    assert set(on) - set(off) == {"LedgerStack"}
    assert set(off) <= set(on)
    properties = on["LedgerStack"]["Properties"]
    assert properties["TemplateURL"] == TEMPLATE.name
    assert properties["Parameters"]["TopicArn"] == {"Ref": "NotificationTopic"}


def test_cfn_lint_finds_nothing_to_say_of_it() -> None:
    assert lint("--", str(TEMPLATE)) == (0, "", "")


def test_the_saved_queries_are_the_statements_of_the_one_file(ledger: Json) -> None:
    saved = {query["Name"]: query["QueryString"] for query in of_type(ledger, "Athena::NamedQuery").values()}
    assert saved == statements()


def test_the_tables_have_the_columns_that_the_views_read(ledger: Json) -> None:
    tables = {table["TableInput"]["Name"]: table["TableInput"] for table in of_type(ledger, "Glue::Table").values()}
    for name, shape in TABLES.items():
        columns = {one["Name"]: one["Type"] for one in tables.pop(name)["StorageDescriptor"]["Columns"]}
        assert columns == {field: glue_type(part) for field, part in shape.items()}
    assert tables == {}


def test_a_table_finds_its_days_where_the_reports_are_put(ledger: Json) -> None:
    destination = one(ledger, "KinesisFirehose::DeliveryStream")["ExtendedS3DestinationConfiguration"]
    assert destination["Prefix"] == "reports/!{timestamp:yyyy/MM/dd}/"
    for logical_id, folder in (("Reports", "reports"), ("SentRequests", "requests")):
        table = ledger[logical_id]["Properties"]["TableInput"]
        settings = table["Parameters"]
        assert settings["projection.enabled"] == "true"
        assert settings["projection.day.format"] == "yyyy/MM/dd"
        assert settings["storage.location.template"] == {"Fn::Sub": f"s3://${{Bucket}}/{folder}/${{!day}}"}
        assert [key["Name"] for key in table["PartitionKeys"]] == ["day"]


def test_the_topics_own_messages_are_delivered_a_line_each_and_compressed(ledger: Json) -> None:
    subscription = one(ledger, "SNS::Subscription")
    assert (subscription["Protocol"], subscription["RawMessageDelivery"]) == ("firehose", True)
    assert "FilterPolicy" not in subscription
    destination = one(ledger, "KinesisFirehose::DeliveryStream")["ExtendedS3DestinationConfiguration"]
    assert destination["CompressionFormat"] == "GZIP"
    (processor,) = destination["ProcessingConfiguration"]["Processors"]
    assert processor["Type"] == "AppendDelimiterToRecord"
    assert processor["Parameters"] == [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}]


def test_the_bucket_is_encrypted_closed_and_forgets(ledger: Json) -> None:
    bucket = one(ledger, "S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "AES256" in text(bucket["BucketEncryption"])
    assert {rule["Id"]: rule["ExpirationInDays"] for rule in bucket["LifecycleConfiguration"]["Rules"]} == {
        "reports": {"Ref": "RetentionDays"},
        "results": 7,
    }
    (statement,) = one(ledger, "S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert ledger["Bucket"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_a_query_reads_no_more_than_the_workgroup_allows(ledger: Json) -> None:
    settings = one(ledger, "Athena::WorkGroup")["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == {"Ref": "ScanLimitBytes"}


def test_roles_may_write_reports_and_put_records_and_nothing_else(ledger: Json) -> None:
    allowed = {
        (action, text(statement["Resource"]))
        for role in of_type(ledger, "IAM::Role").values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    objects = text([{"Fn::Sub": "${Bucket.Arn}/reports/*"}, {"Fn::Sub": "${Bucket.Arn}/errors/*"}])
    assert allowed == {
        *((f"s3:{name}", objects) for name in ("AbortMultipartUpload", "PutObject")),
        *(
            (f"s3:{name}", text(arn("Bucket")))
            for name in ("GetBucketLocation", "ListBucket", "ListBucketMultipartUploads")
        ),
        *(
            (f"firehose:{name}", text(arn("Delivery")))
            for name in ("DescribeDeliveryStream", "ListTagsForDeliveryStream", "PutRecord", "PutRecordBatch")
        ),
    }
