"""What a person starts: the command line, the HTTP servers, the lab and their wiring."""
