"""What pure rules are made of: a Change, a refusal, an outage, a clock."""
