"""The event stream: the topic as server-sent events, each reader at its own place."""
