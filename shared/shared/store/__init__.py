"""MongoDB: one document, one guarded write that holds the new state and the outgoing events."""
