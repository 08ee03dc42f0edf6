"""What the local stack knows of CloudFormation: types that it creates, and types that it leaves out.

Any other type, and any other property of a type that is created, is refused by name: what is left out silently would
make the local stack differ from the deployed one.
"""

from collections.abc import Mapping

# Types with their known properties: those that are honoured, and those that change nothing that can be seen here
# (descriptions, tags, encryption at rest, tracing, what only an account's limits are for).
CREATED: Mapping[str, frozenset[str]] = {
    "AWS::Events::EventBus": frozenset({"Description", "KmsKeyIdentifier", "Name", "Tags"}),
    "AWS::Events::Rule": frozenset({"Description", "EventBusName", "EventPattern", "Name", "State", "Targets"}),
    "AWS::Lambda::EventSourceMapping": frozenset(
        {
            "BatchSize",
            "Enabled",
            "EventSourceArn",
            "FunctionName",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "ScalingConfig",
            "Tags",
        }
    ),
    "AWS::Lambda::Function": frozenset(
        {
            "Architectures",
            "Code",
            # For asynchronous invocations, which nothing makes here.
            "DeadLetterConfig",
            "Description",
            "Environment",
            "FunctionName",
            "Handler",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "MemorySize",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            # Only where the AWS key comes from: there are no snapshots here.
            "SnapStart",
            "Tags",
            "Timeout",
            "TracingConfig",
            "VpcConfig",
        }
    ),
    "AWS::Lambda::LayerVersion": frozenset(
        {"CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LayerName", "LicenseInfo"}
    ),
    "AWS::SNS::Subscription": frozenset(
        {"Endpoint", "FilterPolicy", "FilterPolicyScope", "Protocol", "RawMessageDelivery", "TopicArn"}
    ),
    "AWS::SNS::Topic": frozenset({"DisplayName", "KmsMasterKeyId", "Tags", "TopicName", "TracingConfig"}),
    "AWS::SNS::TopicPolicy": frozenset({"PolicyDocument", "Topics"}),
    "AWS::SQS::Queue": frozenset(
        {
            "DelaySeconds",
            "KmsDataKeyReusePeriodSeconds",
            "KmsMasterKeyId",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueName",
            "ReceiveMessageWaitTimeSeconds",
            "RedriveAllowPolicy",
            "RedrivePolicy",
            "SqsManagedSseEnabled",
            "Tags",
            "VisibilityTimeout",
        }
    ),
    "AWS::SQS::QueuePolicy": frozenset({"PolicyDocument", "Queues"}),
    "AWS::Scheduler::Schedule": frozenset(
        {
            "Description",
            "FlexibleTimeWindow",
            "KmsKeyArn",
            "Name",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "State",
            "Target",
        }
    ),
    "AWS::Scheduler::ScheduleGroup": frozenset({"Name", "Tags"}),
    "AWS::SecretsManager::Secret": frozenset({"Description", "KmsKeyId", "Name", "SecretString", "Tags"}),
}

# Each with the reason why nothing is missed.
LEFT_OUT: Mapping[str, str] = {
    "AWS::CloudFormation::Stack": "what an option adds in a template of its own is not run here",
    "AWS::CloudWatch::Alarm": "watches metrics, and nothing collects metrics here",
    "AWS::CloudWatch::CompositeAlarm": "watches alarms, and there are none here",
    "AWS::CloudWatch::Dashboard": "shows metrics, and nothing collects metrics here",
    "AWS::CodeDeploy::Application": "one version of each function runs here, the one in its folder",
    "AWS::CodeDeploy::DeploymentGroup": "one version of each function runs here, the one in its folder",
    "AWS::IAM::ManagedPolicy": "the local services do not check permissions",
    "AWS::IAM::Policy": "the local services do not check permissions",
    "AWS::IAM::Role": "the local services do not check permissions",
    "AWS::IAM::RolePolicy": "the local services do not check permissions",
    "AWS::KMS::Alias": "nothing is stored, so nothing is encrypted",
    "AWS::KMS::Key": "nothing is stored, so nothing is encrypted",
    "AWS::Lambda::Alias": "one version of each function runs here, the one in its folder",
    "AWS::Lambda::Permission": "the local services do not check permissions",
    "AWS::Lambda::Version": "one version of each function runs here, the one in its folder",
    "AWS::Logs::LogGroup": "a function's log lines are kept by the local runtime",
    "AWS::Logs::MetricFilter": "makes metrics of log lines, and nothing collects metrics here",
    "AWS::Logs::QueryDefinition": "a saved question to a log service that is not here",
}
