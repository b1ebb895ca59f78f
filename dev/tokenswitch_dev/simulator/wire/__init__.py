"""What goes over the wire, free of any web framework: calls, answers, refusals by number, faults, raw answers."""
