"""A simulated Microsoft Entra ID and Graph: the wire, the rules behind it, the pages for a person."""
