"""Kafka: the relay from outboxes to the topic, the consumer that folds events into documents, the dead letters."""
