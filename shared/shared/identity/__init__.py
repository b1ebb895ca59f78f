"""Who calls: operators by OpenID Connect and sessions, programs by bearer token, ourselves by client credentials."""
