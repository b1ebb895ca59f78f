"""A simulated Microsoft Entra ID and Microsoft Graph: the wire, the rules behind it, and the pages for a person."""
