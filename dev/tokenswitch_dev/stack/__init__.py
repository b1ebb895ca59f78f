"""Embedded servers: Apache Kafka on a Java from PyPI, a MongoDB-compatible server, and child processes."""
