"""tokenswitch: the operator's command line. A client of the API alone: it shares no code with the services."""
