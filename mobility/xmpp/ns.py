"""Every XML namespace of our own, and of old devices, in one place."""

VISIT = "urn:xmpp:tmp:mobility:visit:0"
TRANSFER = "urn:xmpp:tmp:mobility:transfer:0"
SESSION = "urn:xmpp:tmp:mobility:session:0"
UPLOAD = "urn:xmpp:tmp:mobility:upload:0"
DEVICES = "urn:xmpp:tmp:mobility:devices:0"
OFFERS = "urn:xmpp:tmp:mobility:offers:0"
PUBLISHED = "urn:xmpp:tmp:mobility:published:0"
DELEGATION = "urn:xmpp:tmp:mobility:delegation:0"
LOGIN = "urn:xmpp:tmp:mobility:login:0"
VISITS = "urn:xmpp:tmp:mobility:visits:0"
SHARING = "urn:xmpp:tmp:mobility:sharing:0"
ERRORS = "urn:xmpp:tmp:mobility:errors:0"

# Of Mobilis (2012), which we did not choose.
MOBILIS = "mobilis:iq:sessionmobility#sessiontransfer"
MOBILIS_HISTORY = "urn:xmpp:forward:state"
