"""How mails look and what they say: notify-svc sends them, config-svc shows them before they are sent."""
