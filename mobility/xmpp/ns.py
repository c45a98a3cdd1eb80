"""Every XML namespace of our own, in one place."""

VISIT = "urn:xmpp:tmp:mobility:visit:0"
TRANSFER = "urn:xmpp:tmp:mobility:transfer:0"
SESSION = "urn:xmpp:tmp:mobility:session:0"
PUBLISHED = "urn:xmpp:tmp:mobility:published:0"
ERRORS = "urn:xmpp:tmp:mobility:errors:0"
