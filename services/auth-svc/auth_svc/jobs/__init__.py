"""Due work towards Microsoft: a sign-in attempt step by step, and access that is kept alive and proven."""
