"""The server: answers what the index knows, redirects or relays the rest."""
