"""What others rely on: the events and their wire format, their schemas, the table of reasons, Entra's roles."""
