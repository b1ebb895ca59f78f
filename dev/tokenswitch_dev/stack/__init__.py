"""Embedded servers: Apache Kafka on a Java from PyPI, a MongoDB protocol server, and child processes."""
