"""What a service tells of itself: logs, metrics, traces, and which part is away."""
