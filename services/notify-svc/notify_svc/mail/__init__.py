"""A mail: which one says what to whom, its headers and body, and the mail server."""
