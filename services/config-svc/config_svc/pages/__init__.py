"""The operator's portal: pages that work without script, in the operator's language, each form with its token."""
