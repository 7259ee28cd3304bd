"""DynamoDB, SQS, EventBridge Scheduler and S3."""
