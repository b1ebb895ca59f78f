"""What goes over the wire, free of any web framework: calls and answers, refusals by number, faults and raw answers on request."""
