"""The runner behind `make run`: starts every part of the system, follows it, and stops all of it."""
