"""What auth-svc decides: sign-in attempts, grants, app registrations and their health. Pure rules."""
