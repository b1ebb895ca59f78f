"""What goes over the wire, free of any web framework: calls and answers, refusals by number, faults on request."""
