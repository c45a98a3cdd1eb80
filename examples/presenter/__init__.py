"""Present a PDF: the document is the session, its page and pointer are packets."""
