"""What operators and programs may ask for, once for pages and API: checked, applied by a rule, limited."""
