"""The internal API for the provider's back-end jobs: a fresh access token of one customer."""
