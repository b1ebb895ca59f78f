"""Entra ID and Graph: MSAL, discovery, bounded calls, and what their answers and tokens say."""
