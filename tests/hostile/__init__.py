"""What others wrote stays text: in Markdown, on terminals, in logs, workflow commands, summaries and commits."""
