"""The way through the whole system in a browser: pages as objects, the sixteen steps; for `make demo` and tests."""
