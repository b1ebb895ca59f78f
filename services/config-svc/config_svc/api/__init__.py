"""The JSON API under /api/v1: for the portal gateway, jobs and everybody who has a bearer token with a role."""
