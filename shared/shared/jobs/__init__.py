"""Due work: a deadline held in a state, claimed by lease, its outcome applied by a rule once per lease."""
